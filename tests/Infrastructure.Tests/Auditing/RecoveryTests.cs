using System.Text;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>
/// A database that was restored to an older state: it signs nothing until it was recovered, and is then consistent with
/// what was published before.
/// </summary>
public sealed class RecoveryTests : IAsyncLifetime
{
    private const string NewOrigin = "chat.example.org/2/v1/audit/heads";

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("chatcqrs").FullName;
    private readonly ConversationId _idle = new(Guid.NewGuid());
    private readonly ConversationId _busy = new(Guid.NewGuid());
    private AuditDatabase _database = null!;
    private AuditDatabase? _restored;

    private FolderMirror Mirror => new(_folder);

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync()
    {
        await _database.DisposeAsync();
        if (_restored is not null)
            await _restored.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_restored_dump_signs_nothing_until_it_was_recovered_and_is_consistent_with_what_was_published()
    {
        var published = await RestoreAsync(batchesSince: 3, mirror: Mirror);
        await _restored!.AppendAsync(StreamName.Of(_busy), events: 2); // Other events than those that are lost.
        for (var run = 0; run < 2; run++)
        {
            await Assert.ThrowsAsync<AuditBehindException>(() => _restored.Node(mirror: Mirror).AppendAsync(None));
            await Assert.ThrowsAsync<AuditBehindException>(() => _restored.Node(mirror: Mirror).CheckAsync(None));
        }

        Assert.Equal(3, (await _restored.Log.StateAsync(None))!.Size);
        Assert.Equal(3, LogMirror.Parse((await NewestAsync(_restored)).ToString()).Size);

        var recovery = _restored.Recovery(mirror: Mirror);
        var plan = await recovery.PlanAsync(None);
        Assert.Equal((RecoveryKind.Restored, 3, 6), (plan.Kind, plan.Heads.Size, plan.Heads.Published));
        Assert.True(await recovery.RunAsync(plan, None));

        Assert.Equal(published.ToString(), (await NewestAsync(_restored)).ToString());
        Assert.Equal(RecoveryKind.None, (await recovery.PlanAsync(None)).Kind);
        var entries = await _restored.Log.EntriesAsync(0, 100, None);
        var restored = Assert.IsType<LogRecord.Restored>(LogRecord.Parse(entries[6]));
        Assert.Equal((2, 6), (restored.Last, restored.Next));
        Assert.Equal(((LogRecord.Batch)LogRecord.Parse(entries[2])).Position, restored.Position);
        Assert.Equal(await _database.Log.EntriesAsync(0, 100, None), entries.Take(6));

        Assert.Equal(6, (await _restored.Node(mirror: Mirror).AppendAsync(None))!.Entry.Number);
        await _restored.AppendAsync(StreamName.Of(_busy), events: 1);
        Assert.Equal(7, (await _restored.Node(mirror: Mirror).AppendAsync(None))!.Entry.Number);
        await AssertExtendsAsync(published, _restored);
        await AssertTiledAsync(_restored);
        await AssertEqualAsync(_restored, 1, 2, 6, 7); // Of the batches between, the heads are lost.
        foreach (var conversation in new[] { _idle, _busy })
        {
            var proof = TlogProof.Parse((await _restored.Queries.ProofAsync(conversation, None))!);
            Assert.Equal(
                _restored.HashOf(StreamName.Of(conversation)), HeadProof.Parse(proof.Extra).Head.Hash);
        }
    }

    [Fact]
    public async Task The_keys_are_recovered_before_the_heads_that_name_their_size()
    {
        await _database.Node(mirror: Mirror).AppendAsync(None);
        _restored = await _database.CopyAsync();
        await using (var connection = await _database.Source.OpenConnectionAsync())
        {
            var list = new LogRecord.DeviceList(
                LogRecord.DeviceList.LabelOf(new UserId(Guid.NewGuid())), 0, Digest.Zero, Digest.Zero);
            Assert.True(await Keys(_database).TryAppendAsync(
                connection, 1, [list.Encode()], None)); // Commits by itself.
        }

        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node(mirror: Mirror).AppendAsync(None);
        await Assert.ThrowsAsync<AuditBehindException>(() => _restored.Node(mirror: Mirror).AppendAsync(None));

        await RecoverAsync(_restored.Recovery(mirror: Mirror), RecoveryKind.Restored);

        await _restored.AppendAsync(Some.Stream(), events: 1);
        var batch = (await _restored.Node(mirror: Mirror).AppendAsync(None))!.Entry;
        Assert.Equal(3, batch.KeysSize);
        Assert.IsType<LogRecord.Restored>(LogRecord.Parse((await Keys(_restored).EntriesAsync(2, 1, None))[0]));
    }

    [Fact]
    public async Task Statements_that_a_restore_lost_are_sent_again_or_begun_anew()
    {
        await _database.Node(mirror: Mirror).AppendAsync(None);
        var (ann, ben) = (new UserId(Guid.CreateVersion7()), new UserId(Guid.CreateVersion7()));
        var (phone, laptop) = (new TestDevice(), new TestDevice());
        var lists = _database.DeviceNode().Lists;
        await LoggedAsync(lists, (await lists.DraftAsync(ann, [phone.Listed], false, None)).Encode());
        _restored = await _database.CopyAsync();
        var approved = phone.Approve(await lists.DraftAsync(ann, [phone.Listed, laptop.Listed], false, None));
        var second = await LoggedAsync(lists, approved);
        var bens = (await lists.DraftAsync(ben, [laptop.Listed], false, None)).Encode();
        await LoggedAsync(lists, bens);
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node(mirror: Mirror).AppendAsync(None);

        await RecoverAsync(_restored.Recovery(mirror: Mirror), RecoveryKind.Restored);

        var (log, restored) = _restored.DeviceNode();
        var lost = await log.NewestAsync(ann, None);
        Assert.Equal((1, second.Entry, true), (lost!.Version, lost.Entry, lost.Statement is null));
        var next = phone.Approve(await restored.DraftAsync(ann, [phone.Listed], false, None));
        Assert.Contains(
            "has lost", Assert.IsType<DeviceListOutcome.Wrong>(await restored.AppendAsync(next, None)).Reason,
            StringComparison.Ordinal);
        Assert.Equal(second.Leaf.ToArray(), (await LoggedAsync(restored, approved)).Leaf.ToArray());
        Assert.Equal(approved, (await log.NewestAsync(ann, None))!.Statement!.Value.ToArray());
        Assert.Equal(2, (await LoggedAsync(restored, next)).Version);
        var other = DeviceStatement.Parse(bens) with { Salt = new byte[DeviceStatement.SaltSize] };
        Assert.IsType<DeviceListOutcome.Stale>(await restored.AppendAsync(other.Encode(), None));
        var anew = await restored.DraftAsync(ben, [phone.Listed], isReset: true, None);
        Assert.Equal(1, (await LoggedAsync(restored, anew.Encode())).Version);
        await log.ForgetAsync(ben, None);
        Assert.Null(await log.NewestAsync(ben, None));
    }

    [Fact]
    public async Task In_a_new_log_statements_have_their_new_places()
    {
        await _database.Node(mirror: Mirror).AppendAsync(None);
        var (ann, lists) = (new UserId(Guid.CreateVersion7()), _database.DeviceNode().Lists);
        await LoggedAsync(lists, (await lists.DraftAsync(ann, [], false, None)).Encode());
        await LoggedAsync(lists, (await lists.DraftAsync(ann, [], false, None)).Encode());
        _restored = await _database.CopyAsync();
        var key = _restored.NewKeyFile();

        await RecoverAsync(_restored.Recovery(NewOrigin, key), RecoveryKind.Continued);

        var newest = await _restored.DeviceNode().Log.NewestAsync(ann, None);
        var entry = (await Keys(_restored).EntriesAsync(newest!.Entry, 1, None))[0];
        Assert.Equal(newest.Leaf.ToArray(), MerkleTree.Leaf(entry).ToArray());
        Assert.Equal((1, false), (newest.Version, newest.Statement is null));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_of_the_key_since_the_dump_goes_on_where_it_was(bool isDone)
    {
        await _database.Node(mirror: Mirror).AppendAsync(None);
        _restored = await _database.CopyAsync();
        var next = _database.NewKeyFile();
        await _database.Node(mirror: Mirror, change: set => set with { NextKeyFile = next }).AppendAsync(None);
        var keyFile = isDone ? next : _database.KeyFile;
        if (isDone)
        {
            await _database.AppendAsync(Some.Stream(), events: 1);
            await _database.Node(keyFile: next, mirror: Mirror).AppendAsync(None);
        }

        await RecoverAsync(_restored.Recovery(keyFile: keyFile, mirror: Mirror), RecoveryKind.Restored);

        await _restored.AppendAsync(Some.Stream(), events: 1);
        var node = _restored.Node(
            keyFile: keyFile, mirror: Mirror, change: isDone ? null : set => set with { NextKeyFile = next });
        Assert.NotNull(await node.AppendAsync(None));
        foreach (var log in new[] { EntryLog.Heads, EntryLog.Keys })
        {
            var entries = await new EntryLog(log, _restored.Source).EntriesAsync(0, 100, None);
            Assert.Single(entries.Select(entry => LogRecord.Parse(entry)).OfType<LogRecord.Key>());
        }

        var signed = (await NewestAsync(_restored)).Verify(
            VerifierKey.Parse(AuditDatabase.VkeyOf(_database.KeyFile)), VerifierKey.Parse(AuditDatabase.VkeyOf(next)));
        Assert.Equal(isDone ? 1 : 2, signed.Count);
        Assert.Equal(AuditDatabase.VkeyOf(keyFile), (await _restored.Log.StateAsync(None))!.Vkey);
    }

    [Fact]
    public async Task An_empty_database_beside_a_mirror_takes_all_from_it()
    {
        await RestoreAsync(batchesSince: 1, mirror: Mirror);
        var published = await NewestAsync(_database);
        await using var empty = await AuditDatabase.CreateAsync();
        File.Copy(_database.KeyFile, empty.KeyFile, overwrite: true);
        await Assert.ThrowsAsync<AuditBehindException>(() => empty.Node(mirror: Mirror).AppendAsync(None));
        Assert.Null(await empty.Log.StateAsync(None));

        await RecoverAsync(empty.Recovery(mirror: Mirror), RecoveryKind.Restored);

        await empty.AppendAsync(StreamName.Of(_idle), events: 1);
        Assert.Equal(4, (await empty.Node(mirror: Mirror).AppendAsync(None))!.Entry.Number);
        await AssertExtendsAsync(published, empty);
        await AssertTiledAsync(empty);
    }

    [Fact]
    public async Task Two_recoveries_at_once_import_once()
    {
        await RestoreAsync(batchesSince: 2, mirror: Mirror);
        var (one, other) = (_restored!.Recovery(mirror: Mirror), _restored.Recovery(mirror: Mirror));
        var (onePlan, otherPlan) = (await one.PlanAsync(None), await other.PlanAsync(None));

        var both = await Task.WhenAll(one.RunAsync(onePlan, None), other.RunAsync(otherPlan, None));

        Assert.Equal([false, true], both.Order());
        Assert.Equal(6, (await _restored.Log.StateAsync(None))!.Size);
    }

    [Theory]
    [InlineData("heads/tile/entries/000.p/6", 1_000)]
    [InlineData("heads/tile/entries/000.p/6", -1)]
    [InlineData("heads/tile/0/000.p/6", 150)]
    [InlineData("heads/checkpoint", 40)]
    [InlineData("heads/checkpoint", -1)]
    public async Task What_is_not_as_it_was_signed_is_not_imported(string file, int at)
    {
        await RestoreAsync(batchesSince: 3, mirror: Mirror);
        var path = Path.Combine(_folder, file);
        var bytes = await File.ReadAllBytesAsync(path);
        if (at < 0)
            File.Delete(path);
        else
            bytes[at] ^= 1;
        if (at >= 0)
            await File.WriteAllBytesAsync(path, bytes);
        var lastSeen = await SaveAsync(await NewestAsync(_database));
        var recovery = _restored!.Recovery(mirror: Mirror, lastSeen: lastSeen);

        var refused = await Assert.ThrowsAsync<RefusedException>(
            async () => await recovery.RunAsync(await recovery.PlanAsync(None), None));

        Assert.Contains(refused.Refusal.Code, new[] { "mirror_incomplete", "log_forked" });
        Assert.Equal(3, (await _restored.Log.StateAsync(None))!.Size);
        await Assert.ThrowsAnyAsync<AuditHaltedException>(
            () => _restored.Node(mirror: Mirror, lastSeen: lastSeen).AppendAsync(None));
    }

    [Fact]
    public async Task A_mirror_that_has_less_than_somebody_saw_is_not_enough()
    {
        await RestoreAsync(batchesSince: 1, mirror: Mirror);
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.Node().AppendAsync(None); // Without the mirror.
        var recovery = _restored!.Recovery(mirror: Mirror, lastSeen: await SaveAsync(await NewestAsync(_database)));

        var refused = await Assert.ThrowsAsync<RefusedException>(() => recovery.PlanAsync(None));

        Assert.Equal("mirror_incomplete", refused.Refusal.Code);
    }

    [Fact]
    public async Task Without_a_mirror_a_new_log_holds_the_last_checkpoint_that_somebody_saw()
    {
        var published = await RestoreAsync(batchesSince: 2, mirror: null);
        var lastSeen = await SaveAsync(published);
        await Assert.ThrowsAsync<AuditBehindException>(() => _restored!.Node(lastSeen: lastSeen).AppendAsync(None));
        var refused = await Assert.ThrowsAsync<RefusedException>(
            () => _restored!.Recovery(lastSeen: lastSeen).PlanAsync(None));
        Assert.Equal("new_origin_needed", refused.Refusal.Code);
        refused = await Assert.ThrowsAsync<RefusedException>(
            () => _restored!.Recovery(NewOrigin, lastSeen: lastSeen).PlanAsync(None));
        Assert.Equal("new_key_needed", refused.Refusal.Code);
        var key = _restored!.KeyFile + ".new";
        await File.WriteAllBytesAsync(key, NoteSigner.NewKey());
        await _restored.AppendAsync(StreamName.Of(_busy), events: 1);

        await RecoverAsync(_restored.Recovery(NewOrigin, key, lastSeen: lastSeen), RecoveryKind.Continued);

        var node = _restored.Node(NewOrigin, key, lastSeen: lastSeen, mirror: Mirror);
        Assert.Equal(1, (await node.AppendAsync(None))!.Entry.Number);
        var first = Assert.IsType<LogRecord.Continues>(await EntryAsync(_restored, 0));
        Assert.Equal(published.ToString(), first.Checkpoint);
        Assert.Equal(await _restored.Store.HeadAsync(None), first.Position);
        var newest = await NewestAsync(_restored);
        newest.Verify(VerifierKey.Parse(first.Vkey));
        var checkpoint = LogMirror.Parse(newest.ToString());
        Assert.Equal((NewOrigin, 2), (checkpoint.Origin, checkpoint.Size));
        await AssertTiledAsync(_restored);
        Assert.NotNull(await _restored.Queries.ProofAsync(_idle, None));
        Assert.Equal(
            3, (await new EntryLog(AuditDatabase.Origin, _restored.Source).EntriesAsync(0, 100, None)).Count);
        Assert.Equal(
            RecoveryKind.None,
            (await _restored.Recovery(NewOrigin, key, lastSeen: lastSeen).PlanAsync(None)).Kind);
        refused = await Assert.ThrowsAsync<RefusedException>(() => _restored.Recovery().PlanAsync(None));
        Assert.Equal("new_origin_needed", refused.Refusal.Code); // The old name has ended.
    }

    [Fact]
    public async Task The_mirror_of_the_log_that_ends_is_not_that_of_the_new_one()
    {
        await RestoreAsync(batchesSince: 1, mirror: Mirror);
        var key = _restored!.KeyFile + ".new";
        await File.WriteAllBytesAsync(key, NoteSigner.NewKey());

        var refused = await Assert.ThrowsAsync<RefusedException>(
            () => _restored.Recovery(NewOrigin, key, mirror: Mirror).PlanAsync(None));

        Assert.Equal("mirror_in_use", refused.Refusal.Code);
    }

    [Fact]
    public async Task A_database_that_signed_on_after_a_restore_has_forked_and_signs_no_more()
    {
        await RestoreAsync(batchesSince: 1, mirror: Mirror);
        await _restored!.AppendAsync(Some.Stream(), events: 1);
        await _restored.Node().AppendAsync(None); // Nobody told it what had been published.
        await _restored.AppendAsync(Some.Stream(), events: 1);

        var halted = await Assert.ThrowsAsync<AuditHaltedException>(
            () => _restored.Node(mirror: Mirror).AppendAsync(None));
        var refused = await Assert.ThrowsAsync<RefusedException>(
            () => _restored.Recovery(mirror: Mirror).PlanAsync(None));

        Assert.Contains("has other entries", halted.Message);
        Assert.Equal("log_forked", refused.Refusal.Code);
    }

    [Fact]
    public async Task A_checkpoint_that_no_key_of_the_log_signed_is_not_believed()
    {
        var published = await RestoreAsync(batchesSince: 1, mirror: null);
        using var signer = NoteSigner.Of(AuditDatabase.Origin, NoteSigner.NewKey());
        var lastSeen = await SaveAsync(SignedNote.Sign(published.Text, signer));

        var halted = await Assert.ThrowsAsync<AuditHaltedException>(
            () => _restored!.Node(lastSeen: lastSeen).AppendAsync(None));

        Assert.Contains("no key", halted.Message);
    }

    [Fact]
    public async Task Where_the_event_log_alone_was_restored_the_next_batch_goes_on_where_it_ends()
    {
        var node = _database.Node(mirror: Mirror);
        await _database.AppendAsync(StreamName.Of(_idle), events: 3);
        await node.AppendAsync(None);
        var end = await _database.Store.HeadAsync(None);
        foreach (var stream in new[] { Some.Stream(), StreamName.Of(_busy) })
        {
            await _database.AppendAsync(stream, events: 2);
            await node.AppendAsync(None);
        }

        await _database.ExecuteAsync($"DELETE FROM log_events WHERE position > {end.Value}");
        await _database.ExecuteAsync(
            "DELETE FROM log_streams s WHERE NOT EXISTS (SELECT FROM log_events e WHERE e.stream_key = s.key)");
        var published = await NewestAsync(_database);

        await RecoverAsync(_database.Recovery(mirror: Mirror), RecoveryKind.Restored);

        var entry = Assert.IsType<LogRecord.Restored>(await EntryAsync(_database, 4));
        Assert.Equal((1, end, 4), (entry.Last, entry.Position, entry.Next));
        await _database.AppendAsync(StreamName.Of(_idle), events: 1);
        Assert.Equal(4, (await node.AppendAsync(None))!.Entry.Number);
        await AssertExtendsAsync(published, _database);
        await AssertTiledAsync(_database);
    }

    [Fact]
    public async Task Without_need_nothing_is_recovered()
    {
        await RestoreAsync(batchesSince: 1, mirror: Mirror);

        Assert.Equal(RecoveryKind.None, (await _database.Recovery(mirror: Mirror).PlanAsync(None)).Kind);
        Assert.Equal(RecoveryKind.None, (await _database.Recovery().PlanAsync(None)).Kind);
    }

    /// <summary>Two batches, a dump, and so many batches that the dump does not have.</summary>
    /// <returns>The last checkpoint that was published.</returns>
    private async Task<SignedNote> RestoreAsync(int batchesSince, IMirrorFiles? mirror)
    {
        var node = _database.Node(mirror: mirror);
        await _database.AppendAsync(StreamName.Of(_idle), events: 3);
        await node.AppendAsync(None);
        await _database.AppendAsync(StreamName.Of(_busy), events: 2);
        await node.AppendAsync(None);
        _restored = await _database.CopyAsync();
        for (var batch = 0; batch < batchesSince; batch++)
        {
            _database.Clock.GoOn(TimeSpan.FromMinutes(1));
            await _database.AppendAsync(StreamName.Of(_busy), events: 3);
            await _database.AppendAsync(Some.Stream(), events: 1);
            await node.AppendAsync(None);
        }

        _restored.Clock.GoOn(TimeSpan.FromMinutes(batchesSince + 1));
        return await NewestAsync(_database);
    }

    private static async Task<LoggedStatement> LoggedAsync(DeviceLists lists, byte[] statement) =>
        Assert.IsType<DeviceListOutcome.Logged>(await lists.AppendAsync(statement, None)).Statement;

    private static async Task RecoverAsync(AuditRecovery recovery, RecoveryKind kind)
    {
        var plan = await recovery.PlanAsync(None);
        Assert.Equal(kind, plan.Kind);
        Assert.True(await recovery.RunAsync(plan, None));
    }

    /// <summary>What was published is a prefix of what is published now.</summary>
    private static async Task AssertExtendsAsync(SignedNote before, AuditDatabase database)
    {
        var (old, now) = (
            LogMirror.Parse(before.ToString()), LogMirror.Parse((await NewestAsync(database)).ToString()));
        Assert.True(now.Size > old.Size);
        var proof = await database.Log.TreeOf(now.Size).ConsistencyAsync(old.Size, None);
        Assert.True(MerkleProof.Extends(old.Size, now.Size, old.Root, now.Root, proof));
    }

    /// <summary>The nightly comparison finds these batches, and nothing that differs.</summary>
    private static async Task AssertEqualAsync(AuditDatabase database, params long[] batches)
    {
        var verification = new LogVerification(
            database.Source, database.Store, new EventCodec(), database.Secrets);
        var found = new List<VerifiedBatch>();
        await foreach (var batch in verification.VerifyAsync(0, long.MaxValue, None))
            found.Add(batch);
        Assert.Equal(batches.Select(number => new VerifiedBatch(number, null)), found);
    }

    /// <summary>The heads of the batches that are left follow each other in each stream, up to its end.</summary>
    private static async Task AssertTiledAsync(AuditDatabase database)
    {
        var openings = await database.Source.QueryAsync(
            "SELECT openings FROM audit_batches ORDER BY number", row => row.GetFieldValue<byte[]>(0), None);
        var ends = new Dictionary<string, Opening>();
        foreach (var bytes in openings.SelectMany(batch => batch.Chunk(Opening.Size)))
        {
            var opening = Opening.Read(bytes);
            Assert.Equal(ends.TryGetValue(opening.Stream, out var end) ? end.Last + 1 : 0, opening.First);
            Assert.Equal(end.Stream is null ? Digest.Zero : end.Hash, opening.Before);
            ends[opening.Stream] = opening;
        }

        Assert.NotEmpty(ends);
        var verification = new LogVerification(
            database.Source, database.Store, new EventCodec(), database.Secrets);
        await foreach (var batch in verification.VerifyAsync(0, long.MaxValue, None))
            Assert.Null(batch.Difference);
        foreach (var (stream, end) in ends)
        {
            var last = await database.Store.ReadStreamAsync(stream, long.MaxValue, ReadDirection.Backwards, 1, None);
            Assert.Equal(last[0].Revision, end.Last);
        }
    }

    private static async Task<SignedNote> NewestAsync(AuditDatabase database) =>
        SignedNote.Parse((await database.Queries.CheckpointAsync(VerifiableLog.Heads, None))!);

    private static async Task<LogRecord> EntryAsync(AuditDatabase database, long index) =>
        LogRecord.Parse((await database.Log.EntriesAsync(index, 1, None))[0]);

    private static EntryLog Keys(AuditDatabase database) => new(EntryLog.Keys, database.Source);

    private async Task<string> SaveAsync(SignedNote note)
    {
        var path = Path.Combine(_folder, "last-seen");
        await File.WriteAllTextAsync(path, note.ToString(), new UTF8Encoding(false));
        return path;
    }
}
