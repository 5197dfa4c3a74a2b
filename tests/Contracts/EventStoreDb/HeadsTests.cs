using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Marten;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Sealing;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;
using Marten;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ChatCqrs.Contracts.EventStoreDb;

/// <summary>The signed log of heads where EventStoreDB is the event log: on the stand-in.</summary>
public sealed class HeadsTests(StandInFixture standIn) : IClassFixture<StandInFixture>, IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private TestDatabase _database = null!;
    private ServiceProvider _services = null!;
    private Secrets? _secrets;

    public async Task InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddPostgres(_database.ConnectionString).AddMartenStore();
        services.ConfigureMarten(SecretSchema.Register);
        services.ConfigureMarten(AuditSchema.Register);
        _services = services.BuildServiceProvider();
        await _services.GetRequiredService<IDocumentStore>().Storage.ApplyAllConfiguredChangesToDatabaseAsync();
    }

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Batches_over_EventStoreDB_are_those_of_its_streams()
    {
        var (conversation, other) = (new ConversationId(Guid.NewGuid()), new ConversationId(Guid.NewGuid()));
        var (log, queries) = Logs();
        await AppendAsync(StreamName.Of(other), StreamAppend.NoStream, new byte[Digest.Size], events: 2);
        var hash = await AppendAsync(
            StreamName.Of(conversation), StreamAppend.NoStream, new byte[Digest.Size], events: 3);
        var first = (await log.AppendAsync(None))!.Entry;
        Assert.Equal((2, await standIn.Store.HeadAsync(None)), (first.Heads, first.Position));
        await AssertProvenAsync(queries, conversation, 0, 2, hash);

        hash = await AppendAsync(StreamName.Of(conversation), 2, hash, events: 2);
        await AssertProvenAsync(queries, conversation, 0, 2, not: hash);
        var second = (await log.AppendAsync(None))!.Entry;

        Assert.Equal(1, second.Heads);
        await AssertProvenAsync(queries, conversation, 3, 4, hash);
        Assert.Equal(second.Position, await queries.CoveredAsync(None));
        var remade = Assert.Single(await log.RemakeAsync(first.Position, second.Position, None));
        Assert.Equal((3, 4, Digest.Of(hash)), (remade.First, remade.Last, remade.Hash));
        Assert.Null(await log.AppendAsync(None));

        Assert.Equal([(1, true), (2, true)], await VerifiedAsync());
        await _services.GetRequiredService<NpgsqlDataSource>().ExecuteAsync(
            """
            UPDATE audit_batches SET openings = set_byte(openings, 120, 255 - get_byte(openings, 120)) WHERE number = 2
            """,
            None);
        Assert.Equal([(1, true), (2, false)], await VerifiedAsync());
    }

    /// <summary>The batches, and whether the log's events lead to them.</summary>
    private async Task<List<(long Number, bool IsEqual)>> VerifiedAsync()
    {
        var verification = new LogVerification(
            _services.GetRequiredService<NpgsqlDataSource>(), standIn.Store, new EventCodec(), _secrets!);
        var verified = new List<(long, bool)>();
        await foreach (var batch in verification.VerifyAsync(0, long.MaxValue, None))
            verified.Add((batch.Number, batch.Difference is null));
        return verified;
    }

    private static async Task AssertProvenAsync(
        AuditLogQueries queries, ConversationId conversation, long first, long last, byte[]? hash = null,
        byte[]? not = null)
    {
        var proof = TlogProof.Parse((await queries.ProofAsync(conversation, None))!);
        var inner = HeadProof.Parse(proof.Extra);
        Assert.True(inner.Holds());
        Assert.Equal((first, last), (inner.Head.First, inner.Head.Last));
        if (hash is not null)
            Assert.Equal(Digest.Of(hash), inner.Head.Hash);
        if (not is not null)
            Assert.NotEqual(Digest.Of(not), inner.Head.Hash);
    }

    private (HeadsLog Log, AuditLogQueries Queries) Logs()
    {
        var key = Path.Combine(_folder, "audit-key.pem");
        File.WriteAllBytes(key, NoteSigner.NewKey());
        var options = Options.Create(new AuditOptions { KeyFile = key });
        var source = _services.GetRequiredService<NpgsqlDataSource>();
        _secrets = new Secrets(source, Options.Create(new SealingOptions
        {
            MasterKeys = { ["one"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SealingOptions.KeySize)) },
        }));
        var log = new HeadsLog(
            standIn.Store, _secrets, source,
            new LogSigning(source, options, TimeProvider.System, new ElsewhereCheck([], options)), options,
            TimeProvider.System);
        return (log, new AuditLogQueries(source, standIn.Store, _secrets));
    }

    /// <returns>The hash of the last event.</returns>
    private async Task<byte[]> AppendAsync(string stream, long revision, byte[] hash, int events)
    {
        var linked = new List<EventData>();
        for (var number = 0; number < events; number++)
        {
            var (id, payload) = (Guid.NewGuid(), Encoding.UTF8.GetBytes($$"""{"n":{{number}}}"""));
            var open = Encoding.UTF8.GetBytes(
                $$"""{"occurred_at":"2026-12-01T12:00:00.000Z","prev_hash":"{{Convert.ToBase64String(hash)}}"}""");
            (var metadata, hash) = EventChain.Link(hash, "something-happened.v1", id, open, payload);
            linked.Add(new EventData(id, "something-happened.v1", payload, metadata));
        }

        await standIn.Store.AppendAsync([new StreamAppend(stream, revision, linked)], None);
        return hash;
    }
}
