using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain;
using ChatCqrs.Projections;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>Who has got and read what: one row a member that rises, and one that stays for every rise.</summary>
internal sealed class ReceiptsModel : IReadModel
{
    public string Name => "receipts";

    public IReadOnlyList<ReadModelTable> Tables { get; } =
    [
        new RowTable("watermarks")
        {
            Define = table =>
            {
                table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
                table.AddColumn("user_id", "uuid").AsPrimaryKey();
                table.AddColumn("delivered_seq", "bigint").NotNull();
                table.AddColumn("read_seq", "bigint").NotNull();
                table.AddColumn("devices", "jsonb").NotNull();
                table.WithFillFactor(RowTable.UpdatedFillFactor);
            },
            TakenOver = TruncatedRows.Receipts("t.conversation_id"),
            OnErasure = OnErasure.Keeps("Others see who has got and read what they wrote."),
            InExport = InExport.Shows("receipts"),
        },
        new RowTable("receipt_marks")
        {
            Define = table =>
            {
                table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
                table.AddColumn("user_id", "uuid").AsPrimaryKey();
                table.AddColumn("is_read", "boolean").AsPrimaryKey();
                table.AddColumn("up_to_seq", "bigint").AsPrimaryKey();
                table.AddColumn("at", "timestamptz").NotNull();
            },
            TakenOver = TruncatedRows.Receipts("t.conversation_id"),
            OnErasure = OnErasure.Keeps("Others see when what they wrote was delivered and read."),
            InExport = InExport.Shows("receipts"),
        },
    ];

    public int WeightOf(Recorded fact) => 0;

    public async Task ApplyAsync(IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var keys = Folding<MemberKey, WatermarkView, WatermarksProjection>.KeysOf(facts);
        if (keys.Count == 0)
            return;
        var marks = new List<ReceiptMark>();
        var views = await LoadAsync(keys, session, cancellationToken);
        Folding<MemberKey, WatermarkView, WatermarksProjection>.Apply(
            facts, views, (before, after, fact) => marks.AddRange(WatermarksProjection.Marks(before, after!, fact)));
        await SaveAsync([.. views.Values.OfType<WatermarkView>()], session, cancellationToken);
        if (marks.Count > 0)
            await CopyAsync(marks, session, cancellationToken);
    }

    private static async Task<Dictionary<MemberKey, WatermarkView?>> LoadAsync(
        IReadOnlySet<MemberKey> keys, ReadModelSession session, CancellationToken cancellationToken)
    {
        var views = new Dictionary<MemberKey, WatermarkView?>(keys.Count);
        await using var command = session.Command(
            """
            SELECT w.conversation_id, w.user_id, w.delivered_seq, w.read_seq, w.devices
            FROM unnest($1, $2) AS wanted(conversation_id, user_id)
            JOIN watermarks w ON w.conversation_id = wanted.conversation_id AND w.user_id = wanted.user_id
            """,
            keys.Select(key => key.Conversation.Value).ToArray(), keys.Select(key => key.User.Value).ToArray());
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            var view = new WatermarkView(
                new MemberKey(new(row.GetGuid(0)), new(row.GetGuid(1))), row.GetInt64(2), row.GetInt64(3),
                JsonSerializer.Deserialize(row.GetString(4), DevicesJson.Default.ImmutableDictionaryGuidInt64)!);
            views.Add(view.Key, view);
        }

        return views;
    }

    private static async Task SaveAsync(IReadOnlyList<WatermarkView> views, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            """
            INSERT INTO watermarks (conversation_id, user_id, delivered_seq, read_seq, devices)
            SELECT * FROM unnest($1, $2, $3, $4, $5)
            ON CONFLICT (conversation_id, user_id) DO UPDATE SET
                delivered_seq = excluded.delivered_seq, read_seq = excluded.read_seq, devices = excluded.devices
            """,
            views.Select(view => view.Key.Conversation.Value).ToArray(),
            views.Select(view => view.Key.User.Value).ToArray(),
            views.Select(view => view.DeliveredSeq).ToArray(),
            views.Select(view => view.ReadSeq).ToArray(),
            new NpgsqlParameter
            {
                Value = views.Select(view => JsonSerializer.Serialize(view.Devices, DevicesJson.Default.ImmutableDictionaryGuidInt64)).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb,
            });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task CopyAsync(List<ReceiptMark> marks, ReadModelSession session, CancellationToken cancellationToken)
    {
        await using var copy = await session.Connection.BeginBinaryImportAsync(
            "COPY receipt_marks (conversation_id, user_id, is_read, up_to_seq, at) FROM STDIN (FORMAT BINARY)", cancellationToken);
        foreach (var mark in marks)
        {
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(mark.Key.Conversation.Value, NpgsqlDbType.Uuid, cancellationToken);
            await copy.WriteAsync(mark.Key.User.Value, NpgsqlDbType.Uuid, cancellationToken);
            await copy.WriteAsync(mark.IsRead, NpgsqlDbType.Boolean, cancellationToken);
            await copy.WriteAsync(mark.UpToSeq, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(mark.At.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
        }

        await copy.CompleteAsync(cancellationToken);
    }
}

[JsonSerializable(typeof(ImmutableDictionary<Guid, long>))]
internal sealed partial class DevicesJson : JsonSerializerContext;
