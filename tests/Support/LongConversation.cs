using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using ChatCqrs.Domain.Messages;
using ChatCqrs.Domain.Receipts;
using Npgsql;
using NpgsqlTypes;

namespace ChatCqrs.Testing;

/// <summary>
/// A long conversation of two, put into the log on PostgreSQL by COPY: of 40 entries 35 are messages, two reactions,
/// two edits and one a deletion, and four receipts stand between them. Nothing may append meanwhile.
/// </summary>
public sealed class LongConversation(IEventCodec codec, int entries)
{
    private const int ContentBytes = 100;

    /// <summary>Time from one entry to the next.</summary>
    private const int StepMs = 50;

    /// <summary>How far back edits, reactions and deletions reach, at most.</summary>
    private const int BackMax = 50;

    private readonly DateTimeOffset _start = DateTimeOffset.FromUnixTimeMilliseconds(
        DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - ((long)entries * StepMs) - 60_000);

    private readonly DeviceId _device = new(Guid.CreateVersion7());
    private readonly Random _random = new(1);

    public UserId Ann { get; } = new(Guid.CreateVersion7());

    public UserId Ben { get; } = new(Guid.CreateVersion7());

    public ConversationId Id => DirectConversation.IdOf(Ann, Ben);

    /// <returns>The position of the last event.</returns>
    public async Task<LogPosition> CopyAsync(NpgsqlDataSource database)
    {
        var position = await ScalarAsync(database, "SELECT coalesce(max(position), 0) FROM chat.log_events");
        var keys = new List<long>();
        foreach (var stream in new[] { StreamName.Of(Id), StreamName.OfReceipts(Id) })
        {
            keys.Add(await ScalarAsync(
                database, $"INSERT INTO chat.log_streams (name) VALUES ('{stream}') RETURNING key"));
        }

        await using var connection = await database.OpenConnectionAsync();
        await using var copy = await connection.BeginBinaryImportAsync(
            """
            COPY chat.log_events (position, stream_key, revision, event_id, type, metadata, payload) FROM STDIN (FORMAT BINARY)
            """);
        var ends = new[] { IEventCodec.FirstLink, IEventCodec.FirstLink };
        var revisions = new[] { -1L, -1L };
        for (var seq = 0; seq < entries; seq++)
        {
            await WriteAsync(0, Entry(seq), At(seq));
            if (seq % 10 == 9)
                await WriteAsync(1, Receipt(seq), At(seq).AddMilliseconds(1));
        }

        await copy.CompleteAsync();
        return new LogPosition((ulong)position);

        async Task WriteAsync(int stream, object @event, DateTimeOffset at)
        {
            var context = new EventContext(Guid.CreateVersion7(at), at, new Actor(Ann, _device), null, null);
            (var data, ends[stream]) = codec.Encode(@event, context, ends[stream]);
            await copy.StartRowAsync();
            await copy.WriteAsync(++position, NpgsqlDbType.Bigint);
            await copy.WriteAsync(keys[stream], NpgsqlDbType.Bigint);
            await copy.WriteAsync(++revisions[stream], NpgsqlDbType.Bigint);
            await copy.WriteAsync(data.EventId, NpgsqlDbType.Uuid);
            await copy.WriteAsync(data.Type, NpgsqlDbType.Text);
            await copy.WriteAsync(data.Metadata, NpgsqlDbType.Bytea);
            await copy.WriteAsync(data.Payload, NpgsqlDbType.Bytea);
        }
    }

    private DateTimeOffset At(int seq) => _start.AddMilliseconds((long)seq * StepMs);

    private ConversationEvent Entry(int seq)
    {
        if (seq == 0)
            return new ConversationEvent.ConversationStarted(ConversationKind.Direct, Ann, [Ann, Ben]) { At = At(0) };
        var kind = seq < BackMax * 2 ? 0 : seq % 20;
        var target = seq - (seq % 20) - 1 - _random.Next(BackMax / 20 * 20);
        target = target % 20 is 0 or >= 18 ? target - 3 : target; // Which is a message.
        return kind switch
        {
            0 when seq >= BackMax * 2 && seq % 40 == 0 =>
                new ConversationEvent.MessageDeleted(IdOf(target), target, Ann) { At = At(seq) },
            18 => new ConversationEvent.ReactionSet(IdOf(target), target, Ben, "👍") { At = At(seq) },
            19 => new ConversationEvent.MessageEdited(IdOf(target), target, Ann, Content(seq), default)
            {
                At = At(seq),
            },
            _ => new ConversationEvent.MessageSent(
                IdOf(seq), Ann, _device, MessageType.Text, Content(seq), new Fingerprint((UInt128)seq), null,
                At(seq).AddDays(30))
            { At = At(seq) },
        };
    }

    private ReceiptEvent Receipt(int seq) =>
        new ReceiptEvent.MessageRead(Ben, _device, seq) { At = At(seq).AddMilliseconds(1) };

    private MessageId IdOf(int seq)
    {
        Span<byte> bytes = stackalloc byte[16];
        Id.Value.TryWriteBytes(bytes);
        BitConverter.TryWriteBytes(bytes, seq);
        return new MessageId(new Guid(bytes));
    }

    private static SealedContent Content(int seq) =>
        new($"day-2099-01-{1 + (seq % 28):00}", RandomNumberGenerator.GetBytes(ContentBytes));

    private static async Task<long> ScalarAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
