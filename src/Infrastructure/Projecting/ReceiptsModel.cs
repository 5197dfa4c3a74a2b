using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Receipts;
using ChatCqrs.Domain.Users;
using ChatCqrs.Projections;
using ChatCqrs.Projections.Inbox;
using ChatCqrs.Projections.Receipts;
using Npgsql;
using NpgsqlTypes;
using Weasel.Postgresql.Tables;

namespace ChatCqrs.Infrastructure.Projecting;

/// <summary>
/// Who has got and read what: one row a member that rises, and one that stays for every rise as long as a message is
/// kept that it speaks of. Nothing is kept of users who were erased and of devices that were removed, also where their
/// receipt comes into the log afterwards (docs/adr/0083).
/// </summary>
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
                table.Indexes.Add(new IndexDefinition("watermarks_user").AgainstColumns("user_id"));
            },
            TakenOver = TruncatedRows.Receipts("t.conversation_id"),
            OnErasure = OnErasure.Deletes("user_id"),
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
            OnErasure = OnErasure.Keeps("The next sweep deletes marks of those who have no watermarks, step by step."),
            InExport = InExport.Shows("receipts"),
        },
        ReceiptTrims,
    ];

    /// <summary>
    /// Conversations that may have marks of which nobody asks any more, and the position of the event that made them
    /// so. A rebuild notes all conversations: the log still says what the sweep deleted.
    /// </summary>
    public static readonly RowTable ReceiptTrims = new("receipt_trims")
    {
        Define = table =>
        {
            table.AddColumn("conversation_id", "uuid").AsPrimaryKey();
            table.AddColumn("position", "numeric(20,0)").NotNull();
        },
        TakenOver = TruncatedRows.Receipts("t.conversation_id"),
        OnErasure = OnErasure.Keeps("It says nothing about a user."),
        InExport = InExport.Leaves("It says nothing about a user."),
    };

    public int WeightOf(Recorded fact) => 0;

    public async Task ApplyAsync(
        IReadOnlyList<Recorded> facts, ReadModelSession session, CancellationToken cancellationToken)
    {
        var (accounts, first) = (new AccountsOfRun(), 0);
        for (var n = 0; n < facts.Count; n++)
        {
            if (facts[n].Event is not (UserEvent.UserErased or UserEvent.DeviceRemoved))
                continue;
            await FoldAsync([.. facts.Take(n).Skip(first)], accounts, session, cancellationToken);
            await ForgetAsync(facts[n], session, cancellationToken);
            accounts.Add(facts[n]);
            first = n + 1;
        }

        await FoldAsync(first == 0 ? facts : [.. facts.Skip(first)], accounts, session, cancellationToken);
        var expired = facts.Where(fact => fact.Event is ConversationEvent.MessagesExpired).ToList();
        if (expired.Count > 0)
            await NoteAsync(expired.Select(fact => fact.Conversation), facts[^1].Position, session, cancellationToken);
    }

    /// <param name="facts">A part of a run in which no account and no device ends.</param>
    private static async Task FoldAsync(
        IReadOnlyList<Recorded> facts, AccountsOfRun accounts, ReadModelSession session,
        CancellationToken cancellationToken)
    {
        foreach (var added in facts.Where(fact => fact.Event is UserEvent.DeviceAdded))
            accounts.Add(added);
        var keys = Folding<MemberKey, WatermarkView, WatermarksProjection>.KeysOf(facts);
        if (keys.Count == 0)
            return;
        var views = await LoadAsync(keys, session, cancellationToken);
        var receipts = facts.Where(fact => fact.Event is ReceiptEvent).ToList();
        var unknown = receipts
            .Select(fact => (Key: WatermarksProjection.KeysOf(fact).Single(), Device: DeviceOf(fact)))
            .Where(each => views.GetValueOrDefault(each.Key)?.Devices.ContainsKey(each.Device.Value) != true)
            .ToHashSet();
        HashSet<(MemberKey Key, DeviceId Device)> gone = [];
        if (unknown.Count > 0)
        {
            await accounts.LookUpAsync(unknown.Select(each => each.Key.User).ToHashSet(), session, cancellationToken);
            gone = unknown.Where(each => accounts.IsGone(each.Key.User, each.Device)).ToHashSet();
            receipts.RemoveAll(fact => accounts.IsErased(WatermarksProjection.KeysOf(fact).Single().User));
        }

        var marks = new List<ReceiptMark>();
        Folding<MemberKey, WatermarkView, WatermarksProjection>.Apply(
            receipts, views, (before, after, fact) => marks.AddRange(WatermarksProjection.Marks(before, after!, fact)));
        foreach (var (key, device) in gone)
        {
            if (views.GetValueOrDefault(key) is { } view)
                views[key] = view with { Devices = view.Devices.Remove(device.Value) };
        }

        await SaveAsync([.. views.Values.OfType<WatermarkView>()], session, cancellationToken);
        if (marks.Count > 0)
            await CopyAsync(marks, session, cancellationToken);
        if (session.IsRebuild)
            await NoteAsync(keys.Select(key => key.Conversation), facts[^1].Position, session, cancellationToken);
    }

    private static DeviceId DeviceOf(Recorded receipt) => receipt.Event switch
    {
        ReceiptEvent.MessageDelivered e => e.Device,
        ReceiptEvent.MessageRead e => e.Device,
        _ => throw new InvalidOperationException($"Unknown event {receipt.Event.GetType().Name}."),
    };

    /// <summary>
    /// Removes what is kept of a user or a device: at most a row for each of the user's conversations. Their marks are
    /// as many as they ever read, so they are left to the sweep.
    /// </summary>
    private static async Task ForgetAsync(
        Recorded end, ReadModelSession session, CancellationToken cancellationToken)
    {
        if (end.Event is UserEvent.DeviceRemoved { User: var owner, Device: var device })
        {
            await using var removal = session.Command(
                "UPDATE watermarks SET devices = devices - $2 WHERE user_id = $1 AND devices ? $2",
                owner.Value, device.ToString());
            await removal.ExecuteNonQueryAsync(cancellationToken);
            return;
        }

        await using var erasure = session.Command(
            """
            WITH gone AS (DELETE FROM watermarks WHERE user_id = $1 RETURNING conversation_id)
            INSERT INTO receipt_trims (conversation_id, position) SELECT conversation_id, $2 FROM gone
            ON CONFLICT (conversation_id) DO UPDATE SET position = excluded.position
            """,
            ((UserEvent.UserErased)end.Event).User.Value, (decimal)end.Position.Value);
        await erasure.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task NoteAsync(
        IEnumerable<ConversationId> conversations, LogPosition position, ReadModelSession session,
        CancellationToken cancellationToken)
    {
        await using var command = session.Command(
            """
            INSERT INTO receipt_trims (conversation_id, position) SELECT id, $2 FROM unnest($1) AS id
            ON CONFLICT (conversation_id) DO UPDATE SET position = excluded.position
            """,
            conversations.Select(id => id.Value).Distinct().ToArray(), (decimal)position.Value);
        await command.ExecuteNonQueryAsync(cancellationToken);
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
[JsonSerializable(typeof(Guid[]))]
internal sealed partial class DevicesJson : JsonSerializerContext;
