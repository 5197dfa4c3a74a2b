using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace ChatCqrs.Verify.Tests;

/// <summary>A server with the checkpoint, tiles and entries of a log, by hand from c2sp.org/tlog-tiles.</summary>
internal sealed class MadeLog : HttpMessageHandler
{
    public const string Address = "http://log.test/v1/audit/heads";
    public const string KeysOrigin = "chat.example.org/v1/audit/keys";

    private const byte Seed = 7;

    private static readonly DateTimeOffset Epoch = new(2026, 1, 2, 3, 4, 0, TimeSpan.Zero);
    private readonly Signer _signer;
    private readonly List<byte[]> _entries;

    /// <param name="size">The entries.</param>
    /// <param name="change">Changes an entry.</param>
    /// <param name="signers">Who signs the checkpoint; the log's first key where there are none.</param>
    public MadeLog(int size, Func<int, string, string>? change = null, params Signer[] signers)
        : this(MadeExport.Origin, EntriesOf(size, change), signers)
    {
    }

    /// <param name="origin">The log's name.</param>
    /// <param name="entries">All of them.</param>
    /// <param name="signers">As above.</param>
    public MadeLog(string origin, IEnumerable<string> entries, params Signer[] signers)
    {
        _signer = new(origin, Seed);
        _entries = [.. entries.Select(Encoding.UTF8.GetBytes)];
        byte[][] leaves = [.. _entries.Select(Tree.Leaf)];
        var text = $"{origin}\n{_entries.Count}\n{Convert.ToBase64String(Tree.Root(leaves))}\n";
        Signer[] all = signers.Length == 0 ? [_signer] : signers;
        Checkpoint = text + "\n" + string.Concat(all.Select(signer => signer.Sign(text)[(text.Length + 1)..]));
        Files["checkpoint"] = Encoding.UTF8.GetBytes(Checkpoint);
        AddTiles(leaves);
        AddBundles();
    }

    public string Key => _signer.Key;

    public string Checkpoint { get; }

    public Dictionary<string, byte[]> Files { get; } = [];

    /// <summary>What the next requests are answered with, before the files are.</summary>
    public Queue<HttpStatusCode> Refusals { get; } = [];

    public string? Token { get; init; }

    public List<string> Asked { get; } = [];

    public Task<Outcome> VerifyAsync(params string[] options) =>
        Outcome.RunAsync(this, ["log", Address, "--vkey", Key, .. options]);

    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!.ToString()[(Address.Length + 1)..];
        Asked.Add(path);
        var status = Refusals.TryDequeue(out var refusal) ? refusal
            : Token is not null && request.Headers.Authorization?.ToString() != $"Bearer {Token}"
                ? HttpStatusCode.Unauthorized
            : Files.ContainsKey(path) ? HttpStatusCode.OK
            : HttpStatusCode.NotFound;
        var response = new HttpResponseMessage(status);
        if (status == HttpStatusCode.OK)
            response.Content = new ByteArrayContent(Files[path]);
        if (status == HttpStatusCode.TooManyRequests)
            response.Headers.RetryAfter = new(TimeSpan.Zero);
        return Task.FromResult(response);
    }

    private static IEnumerable<string> EntriesOf(int size, Func<int, string, string>? change) =>
        Enumerable.Range(0, size).Select(i => change is null ? EntryOf(i) : change(i, EntryOf(i)));

    /// <summary>The first entry.</summary>
    public static string Genesis(string origin) =>
        $"chatcqrs/genesis/v1\norigin {origin}\ntime {TimeOf(0)}\nvkey {new Signer(origin, Seed).Key}\n";

    private static string EntryOf(int index) => index == 0
        ? Genesis(MadeExport.Origin)
        : $"chatcqrs/batch/v1\nnumber {index}\ntime {TimeOf(index)}\nposition {index * 10}\nheads 1\n"
        + $"root {Convert.ToBase64String(SHA256.HashData(BitConverter.GetBytes(index)))}\n"
        + $"keys 0 {Convert.ToBase64String(SHA256.HashData([]))}\n";

    private static string TimeOf(int index) =>
        Epoch.AddMinutes(index).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private void AddTiles(byte[][] hashes)
    {
        for (var level = 0; hashes.Length > 0; level++)
        {
            foreach (var (tile, number) in hashes.Chunk(256).Select((tile, number) => (tile, number)))
                Files[$"tile/{level}/{PathOf(number, tile.Length)}"] = [.. tile.SelectMany(hash => hash)];
            hashes = [.. hashes.Chunk(256).Where(tile => tile.Length == 256).Select(tile => Tree.Root(tile))];
        }
    }

    private void AddBundles()
    {
        foreach (var (bundle, number) in _entries.Chunk(256).Select((bundle, number) => (bundle, number)))
        {
            Files[$"tile/entries/{PathOf(number, bundle.Length)}"] =
                [.. bundle.SelectMany(entry => new[] { (byte)(entry.Length >> 8), (byte)entry.Length }.Concat(entry))];
        }
    }

    private static string PathOf(int number, int width) =>
        (number >= 1000 ? $"x{number / 1000:D3}/" : "") + $"{number % 1000:D3}" + (width < 256 ? $".p/{width}" : "");
}
