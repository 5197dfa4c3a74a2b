using System.Security.Cryptography;
using System.Text;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Tlog;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>The log of keys, and the statements behind it.</summary>
public sealed class DeviceListTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly UserId _ann = new(Guid.CreateVersion7());
    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task A_change_is_signed_and_published_at_once()
    {
        var phone = new TestDevice();
        var (log, lists) = _database.DeviceNode();
        var bytes = (await lists.DraftAsync(_ann, [phone.Listed], isReset: false, None)).Encode();

        var logged = await LoggedAsync(lists, bytes);

        byte[] label = SHA256.HashData(
            [.. "chatcqrs device label v1\0"u8, .. _ann.Value.ToByteArray(bigEndian: true)]);
        var entry = Encoding.UTF8.GetBytes(
            $"chatcqrs/device-list/v1\n{Convert.ToBase64String(label)}\n0\n"
            + $"{Convert.ToBase64String(SHA256.HashData(bytes))}\n{Convert.ToBase64String(new byte[32])}\n");
        Assert.Equal(entry, Assert.Single(await _database.Keys.EntriesAsync(1, 10, None)));
        Assert.Equal(SHA256.HashData([0, .. entry]), logged.Leaf.ToArray());
        Assert.Equal((0, 1, true), (logged.Version, logged.Entry, logged.IsPublished));
        Assert.Equal(2, (await NewestAsync()).Size);
        var bundle = await _database.Queries.TileAsync(VerifiableLog.Keys, "entries/000.p/2", None);
        Assert.Equal(entry, EntryBundle.Decode(bundle!.Value.Span)[1]);
        Assert.Equal(
            logged.Leaf.ToArray(),
            (await _database.Queries.TileAsync(VerifiableLog.Keys, "0/000.p/2", None))!.Value[32..].ToArray());
        var newest = await log.NewestAsync(_ann, None);
        Assert.Equal(bytes, newest!.Statement!.Value.ToArray());
        Assert.Equal(logged.Entry, newest.Entry);
    }

    [Fact]
    public async Task A_later_change_names_the_leaf_of_the_one_before()
    {
        var (phone, laptop) = (new TestDevice(), new TestDevice());
        var (_, lists) = _database.DeviceNode();
        var first = await LoggedAsync(lists, await DraftAsync(lists, phone));

        var next = await lists.DraftAsync(_ann, [phone.Listed, laptop.Listed], isReset: false, None);
        var second = await LoggedAsync(lists, phone.Approve(next));

        Assert.Equal(1, next.Version);
        Assert.Equal(first.Leaf.ToArray(), next.Previous.ToArray());
        var entry = (LogRecord.DeviceList)LogRecord.Parse((await _database.Keys.EntriesAsync(2, 1, None))[0]);
        Assert.Equal((1, Digest.Of(first.Leaf.Span)), (entry.Version, entry.Previous));
        Assert.Equal(2, second.Entry);
    }

    [Fact]
    public async Task A_new_key_needs_an_approval_or_a_reset()
    {
        var (phone, laptop, stranger) = (new TestDevice(), new TestDevice(), new TestDevice());
        var (_, lists) = _database.DeviceNode();
        await LoggedAsync(lists, await DraftAsync(lists, phone));
        var next = await lists.DraftAsync(_ann, [phone.Listed, laptop.Listed], isReset: false, None);
        var exchanged = await lists.DraftAsync(
            _ann, [new TestDevice(phone.Listed.Device).Listed], isReset: false, None);
        var other = next with { Salt = RandomNumberGenerator.GetBytes(32) };
        var approval = DeviceStatement.Parse(phone.Approve(other));

        await AssertWrongAsync(lists, next.Encode(), "needs the approval");
        await AssertWrongAsync(lists, exchanged.Encode(), "needs the approval");
        await AssertWrongAsync(lists, laptop.Approve(next), "not the signature of a device");
        await AssertWrongAsync(lists, stranger.Approve(next), "not the signature of a device");
        await AssertWrongAsync(
            lists, (next with { ApprovedBy = phone.Listed.Device, Approval = approval.Approval }).Encode(),
            "not the signature of a device");
        var approved = phone.Approve(next);
        for (var at = 0; at < 64; at += 9)
        {
            var statement = DeviceStatement.Parse(approved);
            var signature = statement.Approval!.Value.ToArray();
            signature[at] ^= 1;
            await AssertWrongAsync(
                lists, (statement with { Approval = signature }).Encode(), "not the signature of a device");
        }

        Assert.Equal(2, (await _database.Keys.StateAsync(None))!.Size); // Nothing of it was logged.
        await LoggedAsync(lists, approved);
        var reset = await lists.DraftAsync(_ann, [stranger.Listed], isReset: true, None);
        await LoggedAsync(lists, reset.Encode());
        await AssertWrongAsync(
            lists, laptop.Approve(await lists.DraftAsync(_ann, [laptop.Listed], false, None)),
            "not the signature of a device"); // It is not listed any more.
        await LoggedAsync(lists, await DraftAsync(lists)); // A device may go without an approval.
        var again = await lists.DraftAsync(_ann, [stranger.Listed], isReset: false, None);
        await AssertWrongAsync(lists, again.Encode(), "needs the approval");
    }

    [Fact]
    public async Task A_first_statement_has_nobody_who_approves_and_nothing_to_reset()
    {
        var phone = new TestDevice();
        var (_, lists) = _database.DeviceNode();

        await AssertWrongAsync(
            lists, phone.Approve(await lists.DraftAsync(_ann, [phone.Listed], false, None)), "first statement");
        await AssertWrongAsync(
            lists, (await lists.DraftAsync(_ann, [phone.Listed], true, None)).Encode(), "first statement");
    }

    [Fact]
    public async Task Of_concurrent_changes_of_a_user_on_two_nodes_one_is_logged()
    {
        var phone = new TestDevice();
        var nodes = new[] { _database.DeviceNode().Lists, _database.DeviceNode().Lists };
        for (var round = 0; round < 5; round++)
        {
            var drafts = await Task.WhenAll(
                Enumerable.Range(0, 8).Select(number => DraftAsync(nodes[number % 2], phone)));
            var outcomes = await Task.WhenAll(
                drafts.Select((draft, number) => Task.Run(() => nodes[number % 2].AppendAsync(draft, None))));

            Assert.Equal(round, Assert.Single(outcomes.OfType<DeviceListOutcome.Logged>()).Statement.Version);
            Assert.Equal(7, outcomes.OfType<DeviceListOutcome.Stale>().Count());
        }

        Assert.Equal(6, (await _database.Keys.StateAsync(None))!.Size);
        await AssertPublishedAsync();
    }

    [Fact]
    public async Task Changes_of_many_users_on_two_nodes_are_one_log()
    {
        var nodes = new[] { _database.DeviceNode().Lists, _database.DeviceNode().Lists };
        var users = Enumerable.Range(0, 24).Select(_ => new UserId(Guid.CreateVersion7())).ToList();
        for (var version = 0; version < 3; version++)
        {
            var logged = await Task.WhenAll(users.Select((user, number) => Task.Run(async () =>
            {
                var lists = nodes[number % 2];
                return await LoggedAsync(lists, (await lists.DraftAsync(user, [], false, None)).Encode());
            })));
            Assert.All(logged, statement => Assert.Equal(version, statement.Version));
        }

        Assert.Equal(1 + (3 * users.Count), (await _database.Keys.StateAsync(None))!.Size);
        await AssertPublishedAsync();
    }

    [Fact]
    public async Task A_repeat_gets_the_first_answer()
    {
        var phone = new TestDevice();
        var (_, lists) = _database.DeviceNode();
        var bytes = await DraftAsync(lists, phone);
        var first = await LoggedAsync(lists, bytes);

        Assert.Equal((first.Version, first.Entry), await PlaceAsync(bytes));
        var later = await DraftAsync(lists, phone);
        await LoggedAsync(lists, later);
        Assert.Equal((first.Version, first.Entry), await PlaceAsync(bytes));
        Assert.Equal(3, (await _database.Keys.StateAsync(None))!.Size);
        var other = DeviceStatement.Parse(later) with { Salt = RandomNumberGenerator.GetBytes(32) };
        Assert.IsType<DeviceListOutcome.Stale>(await lists.AppendAsync(other.Encode(), None));
        var early = DeviceStatement.Parse(later) with { Version = 7 };
        Assert.IsType<DeviceListOutcome.Stale>(await lists.AppendAsync(early.Encode(), None));
        var elsewhere = DeviceStatement.Parse(await DraftAsync(lists, phone)) with { Previous = first.Leaf };
        Assert.IsType<DeviceListOutcome.Stale>(await lists.AppendAsync(elsewhere.Encode(), None));

        async Task<(long, long)> PlaceAsync(byte[] statement)
        {
            var again = await LoggedAsync(_database.DeviceNode().Lists, statement);
            Assert.Equal(first.Leaf.ToArray(), again.Leaf.ToArray());
            return (again.Version, again.Entry);
        }
    }

    /// <summary>A node is killed after the commit: before the note is stored, or before it is published.</summary>
    [Theory]
    [InlineData("DELETE FROM audit_checkpoints WHERE log = 'keys' AND size = 2", true)]
    [InlineData("DELETE FROM audit_checkpoints WHERE log = 'keys' AND size = 2", false)]
    [InlineData("UPDATE audit_checkpoints SET published = false WHERE log = 'keys' AND size = 2", true)]
    [InlineData("UPDATE audit_checkpoints SET published = false WHERE log = 'keys' AND size = 2", false)]
    public async Task What_a_kill_leaves_unpublished_a_repeat_or_the_next_batch_publishes(string left, bool isRepeated)
    {
        var (log, lists) = _database.DeviceNode();
        var bytes = await DraftAsync(lists, new TestDevice());
        await LoggedAsync(lists, bytes);
        var note = (await NewestAsync()).Note;
        await _database.ExecuteAsync(left);
        Assert.False((await log.NewestAsync(_ann, None))!.IsPublished);
        Assert.NotEqual(note, (await NewestAsync()).Note);

        if (isRepeated)
            Assert.True((await LoggedAsync(_database.DeviceNode().Lists, bytes)).IsPublished);
        else
            await _database.Node().AppendAsync(None);

        Assert.True((await log.NewestAsync(_ann, None))!.IsPublished);
        Assert.Equal(note, (await NewestAsync()).Note);
    }

    [Fact]
    public async Task A_batch_names_size_and_root_of_the_log_at_its_time()
    {
        var (_, lists) = _database.DeviceNode();
        for (var version = 0; version < 3; version++)
            await LoggedAsync(lists, await DraftAsync(lists));
        await _database.AppendAsync(Some.Stream(), events: 1);

        var batch = (await _database.Node().AppendAsync(None))!.Entry;

        var newest = await NewestAsync();
        Assert.Equal((newest.Size, newest.Root), (batch.KeysSize, batch.KeysRoot.ToString()));
        Assert.Equal(4, newest.Size);
    }

    [Fact]
    public async Task An_erasure_removes_the_statements_and_leaves_the_entries()
    {
        var (log, lists) = _database.DeviceNode();
        var bytes = await DraftAsync(lists, new TestDevice());
        await LoggedAsync(lists, bytes);
        var next = await DraftAsync(lists);
        var ben = new UserId(Guid.CreateVersion7());
        await LoggedAsync(lists, (await lists.DraftAsync(ben, [], false, None)).Encode());
        var entries = await _database.Keys.EntriesAsync(0, 10, None);

        await log.ForgetAsync(_ann, None);
        await log.ForgetAsync(_ann, None);

        Assert.Null(await log.NewestAsync(_ann, None));
        Assert.Equal(entries, await _database.Keys.EntriesAsync(0, 10, None));
        Assert.Equal([0L], await _database.Source.QueryAsync(
            "SELECT count(*) FROM audit_statements WHERE label = $1 AND statement IS NOT NULL",
            row => row.GetInt64(0), None, LogRecord.DeviceList.LabelOf(_ann).ToArray()));
        foreach (var refused in new[] { bytes, next, await DraftAsync(lists) })
        {
            var exception = await Assert.ThrowsAsync<RefusedException>(() => lists.AppendAsync(refused, None));
            Assert.Equal(Refusal.Erased, exception.Refusal);
        }

        Assert.NotNull(await log.NewestAsync(ben, None));
        await AssertPublishedAsync();
    }

    [Fact]
    public async Task A_log_of_another_key_takes_nothing()
    {
        var (_, lists) = _database.DeviceNode();
        await LoggedAsync(lists, await DraftAsync(lists));
        var key = _database.KeyFile + ".other";
        File.WriteAllBytes(key, NoteSigner.NewKey());
        var (_, halted) = _database.DeviceNode(key);

        var next = await DraftAsync(halted);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => halted.AppendAsync(next, None));

        Assert.Equal(2, (await _database.Keys.StateAsync(None))!.Size);
    }

    private async Task<byte[]> DraftAsync(DeviceLists lists, params TestDevice[] devices) =>
        (await lists.DraftAsync(_ann, [.. devices.Select(device => device.Listed)], isReset: false, None)).Encode();

    private static async Task<LoggedStatement> LoggedAsync(DeviceLists lists, byte[] statement) =>
        Assert.IsType<DeviceListOutcome.Logged>(await lists.AppendAsync(statement, None)).Statement;

    private static async Task AssertWrongAsync(DeviceLists lists, byte[] statement, string reason) =>
        Assert.Contains(
            reason, Assert.IsType<DeviceListOutcome.Wrong>(await lists.AppendAsync(statement, None)).Reason,
            StringComparison.Ordinal);

    private async Task<PublishedCheckpoint> NewestAsync() =>
        (await _database.Queries.CheckpointsAsync(VerifiableLog.Keys, null, 1, None)).Checkpoints[0];

    /// <summary>All of the log is published; each published size has one note, of the root that it had.</summary>
    private async Task AssertPublishedAsync()
    {
        var entries = await _database.Keys.EntriesAsync(0, 1_000, None);
        Digest[] leaves = [.. entries.Select(entry => MerkleTree.Leaf(entry))];
        var (vkey, published) = await _database.Queries.CheckpointsAsync(VerifiableLog.Keys, null, 1_000, None);
        Assert.Equal(leaves.Length, published[0].Size);
        Assert.All(published, checkpoint =>
        {
            var note = SignedNote.Parse(checkpoint.Note);
            note.Verify(VerifierKey.Parse(vkey!));
            Assert.Equal(MerkleTree.Root(leaves.AsSpan(0, (int)checkpoint.Size)), Checkpoint.Parse(note.Text).Root);
        });
    }
}
