using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
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
    public async Task<StoredSearch> SearchAsync(string text) => (await SearchAsync([text]))[text];

    /// <summary>Looks for each of some texts, at the price of one.</summary>
    public async Task<IReadOnlyDictionary<string, StoredSearch>> SearchAsync(IReadOnlyList<string> texts)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        var keys = await KeysAsync(database);
        var needles = texts.Select(text => new Needle(text, new StoredSearch(keys.Count))).ToList();
        foreach (var table in await TablesAsync(database))
        {
            await foreach (var (column, value) in ValuesAsync(database, table))
            {
                foreach (var needle in needles)
                {
                    needle.Search.Values++;
                    if (needle.Spellings.Any(spelling => Contains(value, spelling)))
                        needle.Search.Plain.Add($"{table.Name}.{column}");
                }

                foreach (var blob in Blobs(value, depth: 0))
                {
                    foreach (var needle in Opened(keys, blob, needles))
                        needle.Search.Opened.Add($"{table.Name}.{column}");
                }
            }
        }

        foreach (var key in keys)
            key.Dispose();
        return needles.ToDictionary(needle => needle.Text, needle => needle.Search);
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
    private static List<byte[]> SpellingsOf(byte[] bytes, string text)
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
    private async Task<List<ICryptoTransform>> KeysAsync(NpgsqlDataSource database)
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

    private static ICryptoTransform Derive(List<string> names, Dictionary<string, byte[]> secrets)
    {
        byte[] material = [.. names.SelectMany(name => secrets[name])];
        using var aes = Aes.Create();
        (aes.Mode, aes.Padding) = (CipherMode.ECB, PaddingMode.None);
        aes.Key = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 64, salt: null, Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', names)))[..32];
        return aes.CreateEncryptor();
    }

    /// <summary>
    /// Which needles are in what AES-GCM would make of a value with any of the keys if its tag were right: its cipher is AES in counter mode, which begins at 2
    /// behind a nonce of 96 bits (NIST SP 800-38D, section 7.1).
    /// </summary>
    private static HashSet<Needle> Opened(List<ICryptoTransform> keys, byte[] value, IReadOnlyList<Needle> needles)
    {
        var found = new HashSet<Needle>();
        var length = value.Length - NonceSize - TagSize;
        if (length <= 0)
            return found;
        var padded = (length + BlockSize - 1) / BlockSize * BlockSize;
        var (counters, cipher, plain) = (new byte[padded], new byte[padded], new byte[padded]);
        value.AsSpan(NonceSize, length).CopyTo(cipher);
        for (var i = 0; i < padded / BlockSize; i++)
        {
            value.AsSpan(0, NonceSize).CopyTo(counters.AsSpan(i * BlockSize));
            BinaryPrimitives.WriteInt32BigEndian(counters.AsSpan((i * BlockSize) + NonceSize), i + 2);
        }

        foreach (var key in keys)
        {
            key.TransformBlock(counters, 0, padded, plain, 0);
            Xor(plain, cipher);
            foreach (var needle in needles)
            {
                if (plain.AsSpan(0, length).IndexOf(needle.Bytes) >= 0)
                    found.Add(needle);
            }
        }

        return found;
    }

    private static void Xor(byte[] target, byte[] other)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(target.AsSpan());
        var others = MemoryMarshal.Cast<byte, ulong>(other.AsSpan());
        for (var i = 0; i < words.Length; i++)
            words[i] ^= others[i];
    }

    private static bool Contains(byte[] value, byte[] needle) => value.AsSpan().IndexOf(needle) >= 0;

    [GeneratedRegex("[A-Za-z0-9+/_-]{24,}={0,2}")]
    private static partial Regex Base64Run();

    [GeneratedRegex("[0-9a-fA-F]{56,}")]
    private static partial Regex HexRun();

    private sealed class Needle(string text, StoredSearch search)
    {
        public string Text => text;

        public StoredSearch Search => search;

        public byte[] Bytes { get; } = Encoding.UTF8.GetBytes(text);

        public IReadOnlyList<byte[]> Spellings { get; } = SpellingsOf(Encoding.UTF8.GetBytes(text), text);
    }

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
