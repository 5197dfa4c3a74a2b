using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace ChatCqrs.Testing;

/// <summary>
/// Checks the hash chain of a stream in the log on PostgreSQL. An independent implementation of the chain
/// (docs/events.md).
/// </summary>
/// <param name="First">The first revision that is not truncated.</param>
/// <param name="Broken">The revision of the first event that is not linked to the one before it; null for none.</param>
public sealed record StoredChain(long First, int Events, long? Broken)
{
    private const int HashSize = 32;

    /// <summary>The end of the metadata: <c>,"hash":"</c>, 44 characters of base64, <c>"}</c>.</summary>
    private const int SuffixSize = 55;

    private const int HashStart = 9;
    private const int HashLength = 44;

    /// <summary>Reads from the stream's start, or from the hash that truncation kept.</summary>
    public static async Task<StoredChain> OfAsync(string connectionString, string stream)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        var (start, previous) = await StartAsync(database, stream);
        await using var command = database.CreateCommand(
            """
            SELECT e.revision, e.type, e.event_id, e.metadata, e.payload FROM chat.log_events e JOIN chat.log_streams s ON s.key = e.stream_key
            WHERE s.name = $1 AND e.revision >= s.truncated_before ORDER BY e.revision
            """);
        command.Parameters.Add(new() { Value = stream });
        await using var row = await command.ExecuteReaderAsync();
        var (count, expected) = (0, start);
        while (await row.ReadAsync())
        {
            var metadata = row.GetFieldValue<byte[]>(3);
            var (open, suffix) = (metadata[..^SuffixSize], metadata[^SuffixSize..]);
            var hash = Hash(previous, row.GetString(1), row.GetGuid(2), open, row.GetFieldValue<byte[]>(4));
            var stored = Encoding.ASCII.GetString(suffix, HashStart, HashLength);
            if (row.GetInt64(0) != expected || stored != Convert.ToBase64String(hash))
                return new StoredChain(start, count, row.GetInt64(0));
            (count, expected, previous) = (count + 1, expected + 1, hash);
        }

        return new StoredChain(start, count, null);
    }

    private static async Task<(long Revision, byte[] Hash)> StartAsync(NpgsqlDataSource database, string stream)
    {
        await using var command = database.CreateCommand("SELECT before, hash FROM chat.log_starts WHERE stream = $1");
        command.Parameters.Add(new() { Value = stream });
        await using var row = await command.ExecuteReaderAsync();
        return await row.ReadAsync() ? (row.GetInt64(0), row.GetFieldValue<byte[]>(1)) : (0, new byte[HashSize]);
    }

    private static byte[] Hash(byte[] previous, string type, Guid id, ReadOnlySpan<byte> openMetadata, byte[] payload)
    {
        var bytes = new List<byte>(previous);
        Add(bytes, Encoding.UTF8.GetBytes(type));
        Add(bytes, id.ToByteArray(bigEndian: true));
        Add(bytes, [.. openMetadata, (byte)'}']);
        Add(bytes, payload);
        return SHA256.HashData(bytes.ToArray());
    }

    private static void Add(List<byte> bytes, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, part.Length);
        bytes.AddRange(length);
        bytes.AddRange(part);
    }
}
