using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace ChatCqrs.Testing;

/// <summary>
/// Searches all values of a database for a text, as stored and decrypted with every remaining key. An independent
/// implementation of sealing (docs/adr/0004-content-keys.md): it tries every key on every value, whatever the owner,
/// and ignores authentication tags.
/// </summary>
/// <param name="connectionString">In Npgsql's form.</param>
/// <param name="masterKeys">The keys that unwrap the secrets: 32 bytes in base64, by id.</param>
public sealed partial class StoredBytes(string connectionString, IReadOnlyDictionary<string, string> masterKeys)
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int BlockSize = 16;
    private const int DepthMax = 3;

    /// <summary>
    /// Searches for a text: in plain, in every encoding, and in every value decrypted with every key.
    /// </summary>
    public async Task<StoredSearch> SearchAsync(string text) => (await SearchAsync([text]))[text];

    /// <summary>Searches for several texts in one pass.</summary>
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

    // ---- Stored values

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

    private static async IAsyncEnumerable<(string Column, byte[] Value)> ValuesAsync(
        NpgsqlDataSource database, Table table)
    {
        var columns = table.Columns.Select(
            column => column.IsBytes ? $"\"{column.Name}\"" : $"\"{column.Name}\"::text");
        await using var command = database.CreateCommand($"SELECT {string.Join(", ", columns)} FROM {table.Name}");
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            for (var i = 0; i < row.FieldCount; i++)
            {
                if (row.IsDBNull(i))
                    continue;
                var (name, isBytes) = table.Columns[i];
                yield return (name, isBytes ? row.GetFieldValue<byte[]>(i) : Encoding.UTF8.GetBytes(row.GetString(i)));
            }
        }
    }

    /// <summary>A value, and the bytes that it holds in base64 or hex.</summary>
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

    /// <summary>The encodings to search for: plain, UTF-16, hex, base64 at each of three alignments.</summary>
    private static List<byte[]> SpellingsOf(byte[] bytes, string text)
    {
        var spellings = new List<byte[]>
        {
            bytes,
            Encoding.Unicode.GetBytes(text),
            Encoding.UTF8.GetBytes(Convert.ToHexString(bytes)),
            Encoding.UTF8.GetBytes(Convert.ToHexStringLower(bytes)),
        };
        for (var shift = 0; shift < 3; shift++)
        {
            byte[] shifted = [.. new byte[shift], .. bytes];
            var whole = Convert.ToBase64String(shifted[..(shifted.Length / 3 * 3)]);
            // The first group encodes the shift.
            spellings.Add(Encoding.UTF8.GetBytes(shift == 0 ? whole : whole[4..]));
        }

        return spellings;
    }

    // ---- Decryption

    /// <summary>
    /// Every key that remaining secrets combine to: a bucket's or none, an owner's, a conversation's or none.
    /// </summary>
    private async Task<List<ICryptoTransform>> KeysAsync(NpgsqlDataSource database)
    {
        var secrets = new Dictionary<string, byte[]>();
        const string all = "SELECT name, key_id, wrapped FROM chat.secrets WHERE wrapped IS NOT NULL";
        await using (var command = database.CreateCommand(all))
        await using (var row = await command.ExecuteReaderAsync())
        {
            while (await row.ReadAsync())
            {
                var (name, masterKey) = (row.GetString(0), masterKeys[row.GetString(1)]);
                secrets.Add(name, Unwrap(name, masterKey, row.GetFieldValue<byte[]>(2)));
            }
        }

        var keys =
            from bucket in Named("bucket:").Append(null)
            from owner in Named("user:")
            from conversation in Named("conversation:").Append(null)
            select Derive([.. new[] { bucket, owner, conversation }.OfType<string>()], secrets);
        return [.. keys];

        IEnumerable<string?> Named(string prefix) =>
            secrets.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
    }

    private static byte[] Unwrap(string name, string masterKey, byte[] wrapped)
    {
        using var master = new AesGcm(Convert.FromBase64String(masterKey), TagSize);
        var secret = new byte[wrapped.Length - NonceSize - TagSize];
        var (nonce, cipher, tag) = (wrapped[..NonceSize], wrapped[NonceSize..^TagSize], wrapped[^TagSize..]);
        master.Decrypt(nonce, cipher, tag, secret, Encoding.UTF8.GetBytes(name));
        return secret;
    }

    private static ICryptoTransform Derive(List<string> names, Dictionary<string, byte[]> secrets)
    {
        byte[] material = [.. names.SelectMany(name => secrets[name])];
        using var aes = Aes.Create();
        (aes.Mode, aes.Padding) = (CipherMode.ECB, PaddingMode.None);
        var info = Encoding.UTF8.GetBytes("chatcqrs content " + string.Join(' ', names));
        aes.Key = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 64, salt: null, info)[..32];
        return aes.CreateEncryptor();
    }

    /// <summary>
    /// The needles in a value decrypted with any of the keys, without checking the tag. AES-GCM encrypts in counter
    /// mode; behind a nonce of 96 bits the counter begins at 2 (NIST SP 800-38D, section 7.1).
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

/// <summary>The result of a search, and the extent of what was searched.</summary>
/// <param name="Keys">The number of keys that could still be derived.</param>
public sealed record StoredSearch(int Keys)
{
    public int Values { get; set; }

    /// <summary>The columns with the text in plain.</summary>
    public List<string> Plain { get; } = [];

    /// <summary>The columns in which some key decrypts it.</summary>
    public List<string> Opened { get; } = [];

    public override string ToString()
    {
        var (plain, opened) = (string.Join(", ", Plain.Distinct()), string.Join(", ", Opened.Distinct()));
        return string.Create(
            CultureInfo.InvariantCulture, $"{Values} values, {Keys} keys; plain in [{plain}], opened in [{opened}]");
    }
}
