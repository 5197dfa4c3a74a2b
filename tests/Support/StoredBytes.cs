using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace ChatCqrs.Testing;

/// <summary>
/// Everything that a database stores, and everything that can be made of it with the keys that it still holds: a second, independent reading of how content
/// is sealed (docs/adr/0004-content-keys.md), which takes every key to every value and asks neither whose it is nor whether its tag is right.
/// </summary>
/// <param name="connectionString">In Npgsql's form.</param>
/// <param name="masterKeys">What unwraps the secrets: 32 bytes in base64 by their id, as in the master key file.</param>
public sealed partial class StoredBytes(string connectionString, IReadOnlyDictionary<string, string> masterKeys)
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int BlockSize = 16;
    private const int DepthMax = 3;

    /// <summary>Looks for a text: as it lies there, in every spelling that bytes may have, and in what every key makes of every value.</summary>
    public async Task<StoredSearch> SearchAsync(string text)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        var keys = await KeysAsync(database);
        var needle = Encoding.UTF8.GetBytes(text);
        var spellings = Spellings(needle, text);
        var search = new StoredSearch(keys.Count);
        foreach (var table in await TablesAsync(database))
        {
            await foreach (var (column, value) in ValuesAsync(database, table))
            {
                search.Values++;
                if (spellings.Any(spelling => Contains(value, spelling)))
                    search.Plain.Add($"{table.Name}.{column}");
                foreach (var blob in Blobs(value, depth: 0))
                {
                    if (keys.Any(key => Contains(Decipher(key, blob), needle)))
                        search.Opened.Add($"{table.Name}.{column}");
                }
            }
        }

        return search;
    }

    // ---- What is stored

    private static async Task<List<Table>> TablesAsync(NpgsqlDataSource database)
    {
        var tables = new Dictionary<string, List<(string, bool)>>();
        await using var command = database.CreateCommand(
            """
            SELECT format('%I.%I', c.table_schema, c.table_name), c.column_name, c.udt_name = 'bytea'
            FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
            WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, c.ordinal_position
            """);
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            if (!tables.TryGetValue(row.GetString(0), out var columns))
                tables.Add(row.GetString(0), columns = []);
            columns.Add((row.GetString(1), row.GetBoolean(2)));
        }

        return [.. tables.Select(table => new Table(table.Key, table.Value))];
    }

    private static async IAsyncEnumerable<(string Column, byte[] Value)> ValuesAsync(NpgsqlDataSource database, Table table)
    {
        var columns = table.Columns.Select(column => column.IsBytes ? $"\"{column.Name}\"" : $"\"{column.Name}\"::text");
        await using var command = database.CreateCommand($"SELECT {string.Join(", ", columns)} FROM {table.Name}");
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            for (var i = 0; i < row.FieldCount; i++)
            {
                if (!row.IsDBNull(i))
                    yield return (table.Columns[i].Name, table.Columns[i].IsBytes ? row.GetFieldValue<byte[]>(i) : Encoding.UTF8.GetBytes(row.GetString(i)));
            }
        }
    }

    /// <summary>A value, and what stands in it in base64 or hex.</summary>
    private static IEnumerable<byte[]> Blobs(byte[] value, int depth)
    {
        yield return value;
        if (depth == DepthMax)
            yield break;
        var text = Encoding.Latin1.GetString(value);
        foreach (Match match in Base64Run().Matches(text))
        {
            var digits = match.Value.TrimEnd('=').Replace('-', '+').Replace('_', '/');
            var padded = digits.PadRight((digits.Length + 3) / 4 * 4, '=');
            var bytes = new byte[padded.Length];
            if (!Convert.TryFromBase64String(padded, bytes, out var length))
                continue;
            foreach (var inner in Blobs(bytes[..length], depth + 1))
                yield return inner;
        }

        foreach (Match match in HexRun().Matches(text))
        {
            foreach (var inner in Blobs(Convert.FromHexString(match.Value.AsSpan(0, match.Length / 2 * 2)), depth + 1))
                yield return inner;
        }
    }

    /// <summary>The ways in which bytes may lie about: as they are, in hex, in base64 at each of its three alignments, in UTF-16.</summary>
    private static List<byte[]> Spellings(byte[] bytes, string text)
    {
        var spellings = new List<byte[]>
        {
            bytes, Encoding.Unicode.GetBytes(text), Encoding.UTF8.GetBytes(Convert.ToHexString(bytes)), Encoding.UTF8.GetBytes(Convert.ToHexStringLower(bytes)),
        };
        for (var shift = 0; shift < 3; shift++)
        {
            byte[] shifted = [.. new byte[shift], .. bytes];
            var whole = Convert.ToBase64String(shifted[..(shifted.Length / 3 * 3)]);
            spellings.Add(Encoding.UTF8.GetBytes(shift == 0 ? whole : whole[4..])); // The first group holds the shift.
        }

        return spellings;
    }

    // ---- What the keys make of it

    /// <summary>Every key that any of the secrets that are left can be combined to: a bucket's or none, an owner's, a conversation's or none.</summary>
    private async Task<List<Aes>> KeysAsync(NpgsqlDataSource database)
    {
        var secrets = new Dictionary<string, byte[]>();
        await using (var command = database.CreateCommand("SELECT name, key_id, wrapped FROM chat.secrets WHERE wrapped IS NOT NULL"))
        await using (var row = await command.ExecuteReaderAsync())
        {
            while (await row.ReadAsync())
                secrets.Add(row.GetString(0), Unwrap(row.GetString(0), masterKeys[row.GetString(1)], row.GetFieldValue<byte[]>(2)));
        }

        var keys =
            from bucket in Named("bucket:").Append(null)
            from owner in Named("user:")
            from conversation in Named("conversation:").Append(null)
            select Derive([.. new[] { bucket, owner, conversation }.OfType<string>()], secrets);
        return [.. keys];

        IEnumerable<string?> Named(string prefix) => secrets.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
    }

    private static byte[] Unwrap(string name, string masterKey, byte[] wrapped)
    {
        using var master = new AesGcm(Convert.FromBase64String(masterKey), TagSize);
        var secret = new byte[wrapped.Length - NonceSize - TagSize];
        master.Decrypt(wrapped.AsSpan(0, NonceSize), wrapped.AsSpan(NonceSize, secret.Length), wrapped.AsSpan(^TagSize..), secret, Encoding.UTF8.GetBytes(name));
        return secret;
    }

    private static Aes Derive(List<string> names, Dictionary<string, byte[]> secrets)
    {
        byte[] material = [.. names.SelectMany(name => secrets[name])];
        var aes = Aes.Create();
        aes.Key = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 64, salt: null, Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', names)))[..32];
        return aes;
    }

    /// <summary>
    /// What AES-GCM would make of a value if its tag were right: its cipher is AES in counter mode, which begins at 2 behind a nonce of 96 bits (NIST SP
    /// 800-38D, section 7.1).
    /// </summary>
    private static byte[] Decipher(Aes key, byte[] value)
    {
        if (value.Length < NonceSize + TagSize)
            return [];
        var plain = value[NonceSize..^TagSize];
        var blocks = (plain.Length + BlockSize - 1) / BlockSize;
        var counters = new byte[blocks * BlockSize];
        for (var i = 0; i < blocks; i++)
        {
            value.AsSpan(0, NonceSize).CopyTo(counters.AsSpan(i * BlockSize));
            BinaryPrimitives.WriteInt32BigEndian(counters.AsSpan((i * BlockSize) + NonceSize), i + 2);
        }

        var stream = key.EncryptEcb(counters, PaddingMode.None);
        for (var i = 0; i < plain.Length; i++)
            plain[i] ^= stream[i];
        return plain;
    }

    private static bool Contains(byte[] value, byte[] needle) => value.AsSpan().IndexOf(needle) >= 0;

    [GeneratedRegex("[A-Za-z0-9+/_-]{24,}={0,2}")]
    private static partial Regex Base64Run();

    [GeneratedRegex("[0-9a-fA-F]{56,}")]
    private static partial Regex HexRun();

    private sealed record Table(string Name, IReadOnlyList<(string Name, bool IsBytes)> Columns);
}

/// <summary>What a search found, and how much there was to search.</summary>
/// <param name="Keys">How many keys could still be derived.</param>
public sealed record StoredSearch(int Keys)
{
    public int Values { get; set; }

    /// <summary>The columns in which the text lies open.</summary>
    public List<string> Plain { get; } = [];

    /// <summary>The columns in which some key finds it.</summary>
    public List<string> Opened { get; } = [];

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Values} values, {Keys} keys; open in [{string.Join(", ", Plain.Distinct())}], opened in [{string.Join(", ", Opened.Distinct())}]");
}
