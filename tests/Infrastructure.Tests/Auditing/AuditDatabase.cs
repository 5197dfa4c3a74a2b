using System.Text;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tests.Sealing;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>A database with an event log and the verifiable logs, and nodes that share it. One a test.</summary>
internal sealed class AuditDatabase : IAsyncDisposable
{
    public const string Origin = "chat.example.org/v1/audit/heads";

    private static readonly DatabaseTemplate Tables = new(PrepareAsync);

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private readonly Dictionary<string, (long Revision, byte[] Hash)> _ends = [];
    private readonly TestDatabase _database;
    private readonly ServiceProvider _services;

    private AuditDatabase(TestDatabase database)
    {
        _database = database;
        _services = ServicesOn(database.ConnectionString);
        File.WriteAllBytes(KeyFile, NoteSigner.NewKey());
    }

    public NpgsqlDataSource Source => _services.GetRequiredService<NpgsqlDataSource>();

    public IEventStore Store => _services.GetRequiredService<IEventStore>();

    public ManualClock Clock { get; } = new();

    public string KeyFile => Path.Combine(_folder, "audit-key.pem");

    public EntryLog Log => new(EntryLog.Heads, Source);

    public Secrets Secrets => SealingDatabase.Secrets(Source);

    public AuditLogQueries Queries => new AuditLogQueries(Source, Store, Secrets);

    public EntryLog Keys => new(EntryLog.Keys, Source);

    public static async Task<AuditDatabase> CreateAsync() => new(await Tables.CopyAsync());

    /// <summary>A node's log of heads.</summary>
    /// <param name="change">Changes the node's settings.</param>
    public HeadsLog Node(
        string? origin = Origin, string? keyFile = null, IEventStore? store = null, IMirrorFiles? mirror = null,
        string? lastSeen = null, Func<AuditOptions, AuditOptions>? change = null, IPublishedElsewhere? other = null)
    {
        var (options, check, log) = Elsewhere(origin, keyFile, mirror, lastSeen, change, other);
        return new HeadsLog(
            store ?? Store, Secrets, Source, new LogSigning(Source, options, Clock, check, log), options, Clock);
    }

    /// <summary>A node's recovery.</summary>
    public AuditRecovery Recovery(
        string? origin = Origin, string? keyFile = null, IEventStore? store = null, IMirrorFiles? mirror = null,
        string? lastSeen = null)
    {
        var (options, check, log) = Elsewhere(origin, keyFile, mirror, lastSeen, change: null);
        return new AuditRecovery(
            Source, new HeldHeads(Source, store ?? Store), check,
            new NewLogs(Source, store ?? Store, check, options, Clock, log), options, Clock, log);
    }

    private (IOptions<AuditOptions> Options, ElsewhereCheck Check, LogMirror? Mirror) Elsewhere(
        string? origin, string? keyFile, IMirrorFiles? mirror, string? lastSeen,
        Func<AuditOptions, AuditOptions>? change, IPublishedElsewhere? other = null)
    {
        var set = new AuditOptions
        {
            Origin = origin,
            KeyFile = keyFile ?? KeyFile,
            KeepDays = 1,
        };
        var options = Options.Create(change is null ? set : change(set));
        var log = mirror is null ? null : new LogMirror(mirror);
        var others = new List<IPublishedElsewhere>();
        if (log is not null)
            others.Add(log);
        if (lastSeen is not null)
            others.Add(new LastSeenFiles(lastSeen));
        if (other is not null)
            others.Add(other);
        return (options, new ElsewhereCheck(others, options), log);
    }

    /// <summary>A new private key beside that of the log.</summary>
    public string NewKeyFile()
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.pem");
        File.WriteAllBytes(file, NoteSigner.NewKey());
        return file;
    }

    /// <summary>The vkey of a private key under the name of one of the logs.</summary>
    public static string VkeyOf(string keyFile, string log = EntryLog.Heads)
    {
        using var signer = NoteSigner.Of(Origin[..^EntryLog.Heads.Length] + log, File.ReadAllBytes(keyFile));
        return signer.Verifier.ToString();
    }

    /// <summary>A node's lists of devices.</summary>
    public (PostgresDeviceListLog Log, DeviceLists Lists) DeviceNode(string? keyFile = null)
    {
        var (options, check, mirror) = Elsewhere(Origin, keyFile, mirror: null, lastSeen: null, change: null);
        var log = new PostgresDeviceListLog(Source, new LogSigning(Source, options, Clock, check, mirror));
        return (log, new DeviceLists(log, new Ed25519Signatures()));
    }

    /// <summary>Appends linked events to a stream.</summary>
    public async Task AppendAsync(string stream, int events)
    {
        var (revision, hash) = _ends.GetValueOrDefault(stream, (StreamAppend.NoStream, new byte[Digest.Size]));
        var linked = new List<EventData>();
        for (var number = 0; number < events; number++)
        {
            var (id, payload) = (Guid.NewGuid(), Encoding.UTF8.GetBytes($$"""{"n":{{number}}}"""));
            var open = Encoding.UTF8.GetBytes(
                $$"""{"occurred_at":"2026-12-01T12:00:00.000Z","prev_hash":"{{Convert.ToBase64String(hash)}}"}""");
            (var metadata, hash) = EventChain.Link(hash, "something-happened.v1", id, open, payload);
            linked.Add(new EventData(id, "something-happened.v1", payload, metadata));
        }

        var outcome = await Store.AppendAsync(
            [new StreamAppend(stream, revision, linked)], CancellationToken.None);
        Assert.IsType<AppendOutcome.Appended>(outcome[0]);
        _ends[stream] = (revision + events, hash);
    }

    /// <summary>
    /// Another database with this one's rows: what a backup brings back later. The streams go on from here in both.
    /// </summary>
    public async Task<AuditDatabase> CopyAsync()
    {
        var copy = await CreateAsync();
        File.Copy(KeyFile, copy.KeyFile, overwrite: true);
        foreach (var (stream, end) in _ends)
            copy._ends.Add(stream, end);
        copy.Clock.GoOn(Clock.GetUtcNow() - copy.Clock.GetUtcNow());
        foreach (var table in await Source.QueryAsync(
            "SELECT relname FROM pg_class WHERE relnamespace = 'chat'::regnamespace AND relkind = 'r'",
            row => row.GetString(0), CancellationToken.None))
            await CopyAsync(table, copy);
        foreach (var sequence in await Source.QueryAsync(
            """
            SELECT format('SELECT setval(%L, %s, %L)', 'chat.' || sequencename, coalesce(last_value, 1), last_value IS NOT NULL)
            FROM pg_sequences WHERE schemaname = 'chat'
            """,
            row => row.GetString(0), CancellationToken.None))
            await copy.ExecuteAsync(sequence);
        return copy;
    }

    /// <summary>The hash of a stream's last event, as it was appended.</summary>
    public Digest HashOf(string stream) => Digest.Of(_ends[stream].Hash);

    public Task<int> ExecuteAsync(string sql) => Source.ExecuteAsync(sql, CancellationToken.None);

    private async Task CopyAsync(string table, AuditDatabase copy)
    {
        await using var from = await Source.OpenConnectionAsync();
        await using var to = await copy.Source.OpenConnectionAsync();
        await copy.ExecuteAsync($"TRUNCATE chat.{table} CASCADE");
        await using var rows = await from.BeginRawBinaryCopyAsync($"COPY chat.{table} TO STDOUT (FORMAT BINARY)");
        await using var copied = await to.BeginRawBinaryCopyAsync($"COPY chat.{table} FROM STDIN (FORMAT BINARY)");
        await rows.CopyToAsync(copied);
    }

    private static ServiceProvider ServicesOn(string database)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgres(database).AddMartenStore().AddPostgresEventStore();
        services.ConfigureMarten(SecretSchema.Register);
        services.ConfigureMarten(AuditSchema.Register);
        services.ConfigureMarten(DeviceListSchema.Register);
        return services.BuildServiceProvider();
    }

    private static async Task PrepareAsync(string database)
    {
        await using var services = ServicesOn(database);
        await services.GetRequiredService<IDocumentStore>().Storage.ApplyAllConfiguredChangesToDatabaseAsync();
        await AuditSchema.StoreExternallyAsync(
            services.GetRequiredService<NpgsqlDataSource>(), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
