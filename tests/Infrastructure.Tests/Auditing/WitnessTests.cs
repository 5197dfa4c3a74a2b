using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>Witnesses that cosign, and witnesses that do not.</summary>
public sealed class WitnessTests(WitnessFixture fixture) : IClassFixture<WitnessFixture>, IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly Counting _calls = new();
    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        _calls.Dispose();
        await _database.DisposeAsync();
    }

    [SkippableFact]
    public async Task Each_new_checkpoint_is_shown_at_once_and_cosigned_after_it()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = fixture.Witness.Policy();
        var witnesses = Of(policy);
        for (var size = 2; size < 8; size++)
        {
            await GrowAsync();
            Assert.Equal((size, false), await NewestAsync());

            Assert.True(await witnesses.CosignAsync(_database.Log, None));

            Assert.Equal((size, true), await NewestAsync());
        }

        Assert.Equal(6, _calls.Count);
        await GrowAsync();
        await GrowAsync();
        Assert.True(await Of(policy).CosignAsync(_database.Log, None)); // Another node: it has to ask for the size.
        Assert.Equal((9, true), await NewestAsync());
        Assert.Equal(8, _calls.Count);

        Assert.True(await witnesses.CosignAsync(new EntryLog(EntryLog.Keys, _database.Source), None));
        var keys = SignedNote.Parse((await _database.Queries.CheckpointAsync(VerifiableLog.Keys, None))!);
        VerifierKey[] known =
        [
            VerifierKey.Parse(fixture.Witness.Vkey),
            VerifierKey.Parse(AuditDatabase.VkeyOf(fixture.KeyFile, EntryLog.Keys)),
        ];
        Assert.Equal(2, keys.Verify(known).Count);
    }

    [SkippableFact]
    public async Task With_a_quorum_nothing_is_shown_before_it_is_met()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var (policy, conversation) = (fixture.Witness.Policy(), new ConversationId(Guid.NewGuid()));
        await _database.AppendAsync(StreamName.Of(conversation), events: 2);
        await GrowAsync(quorum: policy);
        Assert.Null(await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
        Assert.Null(await _database.Queries.ProofAsync(conversation, None));
        Assert.Null(await _database.Queries.TileAsync(VerifiableLog.Heads, "0/000.p/1", None));
        Assert.Equal(LogPosition.Start, await _database.Queries.CoveredAsync(None));

        Assert.True(await Of(policy, quorum: true).CosignAsync(_database.Log, None));

        Assert.Equal((2, true), await NewestAsync());
        Assert.NotNull(await _database.Queries.ProofAsync(conversation, None));
        Assert.Equal(await _database.Store.HeadAsync(None), await _database.Queries.CoveredAsync(None));
        await GrowAsync(quorum: policy); // The one before stays shown meanwhile.
        Assert.Equal((2, true), await NewestAsync());
    }

    [SkippableFact]
    public async Task With_a_quorum_the_mirror_gets_a_checkpoint_before_it_is_shown_and_not_before_it_is_met()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var (policy, folder) = (fixture.Witness.Policy(), Directory.CreateTempSubdirectory("chatcqrs").FullName);
        var (mirror, file) = (new FolderMirror(folder), Path.Combine(folder, "heads", "checkpoint"));
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node(
            keyFile: fixture.KeyFile, mirror: mirror, change: set => set with { Witnesses = policy, Quorum = true })
            .AppendAsync(None);
        Assert.False(File.Exists(file));
        var away = new LogMirror(new FolderMirror(Path.Combine(folder, "missing")));
        await Assert.ThrowsAsync<MirrorUnavailableException>(
            () => Of(policy, quorum: true, mirror: away).CosignAsync(_database.Log, None));
        Assert.Null(await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));

        Assert.True(await Of(policy, quorum: true, mirror: new LogMirror(mirror)).CosignAsync(_database.Log, None));

        Assert.Equal((2, true), await NewestAsync());
        Assert.Equal(
            await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None), await File.ReadAllTextAsync(file));
        Directory.Delete(folder, recursive: true);
    }

    [SkippableTheory]
    [InlineData("wrongkey")]
    [InlineData("othertext")]
    [InlineData("future")]
    [InlineData("liar")]
    [InlineData("endless")]
    [InlineData("nosize")]
    [InlineData("ahead")]
    [InlineData("hang")]
    [InlineData("huge")]
    [InlineData("redirect")]
    [InlineData("garbage")]
    [InlineData("good/nothing/here")]
    public async Task A_witness_that_does_not_cosign_holds_up_only_itself(string how)
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = fixture.Witness.Policy(how);
        await GrowAsync(quorum: policy);
        var witnesses = Of(policy, quorum: true, limit: TimeSpan.FromMilliseconds(500));
        await GrowAsync(quorum: policy); // "endless" names sizes of one and two.

        Assert.False(await witnesses.CosignAsync(_database.Log, None));

        Assert.Null(await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None));
        Assert.Single(SignedNote.Parse((await _database.Log.LargestAsync(None))!.Note).Signatures);
        Assert.InRange(_calls.Count, 1, Witnesses.AttemptsMax);
        var calls = _calls.Count;
        Assert.False(await witnesses.CosignAsync(_database.Log, None));
        Assert.Equal(calls, _calls.Count); // It is not due yet.
        _database.Clock.GoOn(Witnesses.RetryMax);
        Assert.False(await witnesses.CosignAsync(_database.Log, None));
        Assert.NotEqual(calls, _calls.Count);

        var both = fixture.Witness.Write(
            $"witness bad {new OtherKey().Vkey} {fixture.Witness.Address}{how}\n"
            + $"witness good {fixture.Witness.Vkey} {fixture.Witness.Address}beside{how.Replace('/', '-')}\n"
            + "group any-of any bad good\nquorum any-of\n");
        Assert.True(await Of(both, quorum: true, limit: TimeSpan.FromMilliseconds(500))
            .CosignAsync(_database.Log, None));
        Assert.Equal((3, true), await NewestAsync());
    }

    [SkippableFact]
    public async Task A_log_or_a_key_that_the_witness_does_not_know_is_not_cosigned()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = fixture.Witness.Policy();
        await _database.Node(keyFile: _database.KeyFile).AppendAsync(None);
        Assert.True(await Of(policy).CosignAsync(_database.Log, None)); // 403
        Assert.Equal(1, _calls.Count);
        Assert.Single(SignedNote.Parse((await _database.Log.LargestAsync(None))!.Note).Signatures);

        await using var other = await AuditDatabase.CreateAsync();
        await other.Node("other.example/heads").AppendAsync(None);
        Assert.True(await Of(policy).CosignAsync(other.Log, None)); // 404
        Assert.Equal(2, _calls.Count);
        Assert.Single(SignedNote.Parse((await other.Log.LargestAsync(None))!.Note).Signatures);
    }

    [SkippableFact]
    public async Task Another_history_of_the_log_is_neither_cosigned_nor_shown()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = fixture.Witness.Policy();
        await GrowAsync();
        await GrowAsync();
        await Of(policy).CosignAsync(_database.Log, None);
        await using var fork = await AuditDatabase.CreateAsync();
        for (var size = 2; size <= 5; size++)
        {
            await GrowAsync(quorum: policy, fork);
            Assert.False(await Of(policy, quorum: true).CosignAsync(fork.Log, None)); // Older, as old, younger.
            Assert.Null(await fork.Queries.CheckpointAsync(VerifiableLog.Heads, None));
        }
    }

    [SkippableFact]
    public async Task A_database_that_is_older_than_what_was_cosigned_is_found_before_anything_is_signed()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = fixture.Witness.Policy();
        await GrowAsync();
        Assert.Equal((long?)2, await Of(policy).LargestAsync(_database.Log, None)); // It had not heard of the log.
        await GrowAsync();
        await GrowAsync();
        await Of(policy).CosignAsync(_database.Log, None);
        await _database.ExecuteAsync(
            """
            DELETE FROM audit_checkpoints WHERE log = 'heads' AND size > 2;
            DELETE FROM audit_entries WHERE log = 'heads' AND index >= 2;
            DELETE FROM audit_hashes WHERE log = 'heads' AND index >= 2;
            UPDATE audit_logs SET size = 2 WHERE log = 'heads'
            """);

        var witnesses = Of(policy);
        Assert.Equal((long?)4, await witnesses.LargestAsync(_database.Log, None));
        var calls = _calls.Count;
        Assert.Equal((long?)4, await witnesses.LargestAsync(_database.Log, None));
        Assert.Equal(calls, _calls.Count); // It was asked already.

        await _database.AppendAsync(Some.Stream(), events: 1);
        var node = _database.Node(
            keyFile: fixture.KeyFile, other: new WitnessedSizes(Of(policy), _database.Source));
        var behind = await Assert.ThrowsAsync<AuditBehindException>(() => node.AppendAsync(None));
        Assert.Contains("Audit:Witnesses knows 4 entries", behind.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await _database.Log.StateAsync(None))!.Size);
        Assert.Equal(2, (await _database.Log.LargestAsync(None))!.Size);
    }

    [SkippableFact]
    public async Task Two_nodes_at_once_add_a_witness_once()
    {
        Skip.If(GoProgram.Missing is not null, GoProgram.Missing);
        var policy = fixture.Witness.Policy();
        for (var round = 0; round < 5; round++)
        {
            await GrowAsync(quorum: policy);
            await Task.WhenAll(
                Of(policy, quorum: true).CosignAsync(_database.Log, None),
                Of(policy, quorum: true).CosignAsync(_database.Log, None));

            Assert.Equal((round + 2, true), await NewestAsync());
            Assert.Equal(2, SignedNote.Parse((await _database.Log.LargestAsync(None))!.Note).Signatures.Count);
        }
    }

    [Fact]
    public void A_quorum_that_nobody_can_meet_is_found_at_the_start()
    {
        var file = Path.GetTempFileName();
        var key = new OtherKey().Vkey;
        foreach (var (policy, fault) in new[]
        {
            ($"witness w {key} https://w.example\nquorum w\n", null),
            ($"witness w {key}\nquorum w\n", "Audit:Quorum needs"),
            ($"witness w {key} https://w.example\nquorum none\n", "Audit:Quorum needs"),
            ($"witness w {key} https://w.example\n", "line 1: the policy ends without a quorum line"),
        })
        {
            File.WriteAllText(file, policy);
            var result = new WitnessFile().Validate(null, new AuditOptions { Witnesses = file, Quorum = true });
            Assert.Equal(fault is null, result.Succeeded);
            if (fault is not null)
                Assert.Contains(fault, result.FailureMessage, StringComparison.Ordinal);
        }

        File.Delete(file);
        Assert.True(new WitnessFile().Validate(null, new AuditOptions { Quorum = true }).Failed);
        Assert.True(new WitnessFile().Validate(null, new AuditOptions { Witnesses = file }).Failed);
        Assert.True(new WitnessFile().Validate(null, new AuditOptions()).Succeeded);
    }

    /// <summary>Appends one batch by a node with the key that the witness knows.</summary>
    private async Task GrowAsync(string? quorum = null, AuditDatabase? database = null)
    {
        database ??= _database;
        await database.AppendAsync(Some.Stream(), events: 1);
        Assert.NotNull(await database.Node(
            keyFile: fixture.KeyFile, change: set => set with { Witnesses = quorum, Quorum = quorum is not null })
            .AppendAsync(None));
    }

    private Witnesses Of(string policy, bool quorum = false, TimeSpan? limit = null, LogMirror? mirror = null)
    {
        var http = new HttpClient(_calls, disposeHandler: false)
        {
            Timeout = limit ?? WitnessClient.CallMax,
            MaxResponseContentBufferSize = WitnessClient.AnswerMax,
        };
        return new Witnesses(
            new WitnessClient(http), Options.Create(new AuditOptions { Witnesses = policy, Quorum = quorum }),
            new ClockOfToday(_database), NullLogger<Witnesses>.Instance, mirror);
    }

    /// <summary>The newest published size, and whether the witness has cosigned it.</summary>
    private async Task<(int Size, bool IsCosigned)> NewestAsync()
    {
        var note = SignedNote.Parse((await _database.Queries.CheckpointAsync(VerifiableLog.Heads, None))!);
        var known = note.Verify(
            VerifierKey.Parse(AuditDatabase.VkeyOf(fixture.KeyFile)), VerifierKey.Parse(fixture.Witness.Vkey));
        return ((int)Checkpoint.Parse(note.Text).Size, known.Any(key => key.Type == SignatureType.Cosignature));
    }

    /// <summary>The handler of the product's own client, which counts the calls.</summary>
    private sealed class Counting() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _count);
            return base.SendAsync(request, cancellationToken);
        }
    }

    /// <summary>The test's clock goes on from now: a witness signs with the time of its own clock.</summary>
    private sealed class ClockOfToday(AuditDatabase database) : TimeProvider
    {
        private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
        private readonly DateTimeOffset _start = database.Clock.GetUtcNow();

        public override DateTimeOffset GetUtcNow() => Now + (database.Clock.GetUtcNow() - _start);
    }

    private sealed class OtherKey
    {
        public OtherKey()
        {
            using var signer = NoteSigner.Of("witness.example/other", NoteSigner.NewKey());
            Vkey = new VerifierKey(
                signer.Verifier.Name, SignatureType.Cosignature, signer.Verifier.Raw.Span).ToString();
        }

        public string Vkey { get; }
    }
}
