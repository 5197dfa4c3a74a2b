using ChatCqrs.Application;
using ChatCqrs.Application.Auditing;
using ChatCqrs.Application.Ports;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Postgres;
using ChatCqrs.Infrastructure.Serialization;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

/// <summary>Batches are compared with the event log: what was changed is found, and nothing else is.</summary>
public sealed class LogVerificationTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly string[] _streams = [.. Enumerable.Range(0, 12).Select(_ => Some.Stream())];
    private AuditDatabase _database = null!;

    private LogVerification Verification => new(_database.Source, _database.Store, new EventCodec(), _database.Secrets);

    public async Task InitializeAsync()
    {
        _database = await AuditDatabase.CreateAsync();
        foreach (var stream in _streams)
            await _database.AppendAsync(stream, events: 3);
        await BatchAsync();
        for (var batch = 0; batch < 3; batch++)
        {
            await _database.AppendAsync(_streams[batch], events: 2);
            await _database.AppendAsync(_streams[batch + 1], events: 1);
            await BatchAsync();
        }
    }

    public async Task DisposeAsync() => await _database.DisposeAsync();

    [Fact]
    public async Task What_was_not_changed_is_equal()
    {
        Assert.Equal((long?)4, await Verification.NewestAsync(None));
        Assert.Equal([(1, null), (2, null), (3, null), (4, null)], await VerifyAsync());
        Assert.Equal([(3, null)], await VerifyAsync(after: 2, through: 3));
        Assert.Empty(await VerifyAsync(after: 4));
    }

    [Fact]
    public async Task An_erased_streams_blank_heads_are_no_difference_and_others_are()
    {
        var events = await _database.Store.ReadStreamAsync(_streams[1], 0, ReadDirection.Forwards, 100, None);
        await _database.Queries.BlankAsync(_streams[1], [.. events.Select(stored => stored.Position)], None);
        Assert.All(await VerifyAsync(), batch => Assert.Null(batch.Difference));
        await _database.Store.TruncateAsync(_streams[1], events[^1].Revision, None);
        Assert.All(await VerifyAsync(), batch => Assert.Null(batch.Difference));

        var openings = (await _database.Source.QueryAsync(
            "SELECT openings FROM audit_batches WHERE number = 1", row => row.GetFieldValue<byte[]>(0), None))[0];
        Opening.Blank.Write(openings.AsSpan(0, Opening.Size));
        Opening.Blank.Write(openings.AsSpan(Opening.Size, Opening.Size));
        await _database.Source.ExecuteAsync("UPDATE audit_batches SET openings = $1 WHERE number = 1", None, openings);

        Assert.Contains("were not published", (await VerifyAsync())[0].Difference, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Heads_that_were_taken_up_from_older_batches_are_equal()
    {
        for (var days = 0; days < 3; days++)
        {
            _database.Clock.GoOn(TimeSpan.FromDays(2));
            await _database.AppendAsync(_streams[0], events: 1);
            await BatchAsync();
        }

        var verified = await VerifyAsync();
        Assert.NotEmpty(verified);
        Assert.All(verified, batch => Assert.Null(batch.Difference));
    }

    [Theory]
    [InlineData("UPDATE log_events SET payload = '{\"n\":7}' WHERE {place}", "has other bytes at revision 1")]
    [InlineData(
        "UPDATE log_events SET metadata = overlay(metadata PLACING 'x' FROM 20) WHERE {place}", "has other bytes")]
    [InlineData("UPDATE log_events SET metadata = 'x' WHERE {place}", "has other bytes at revision 1")]
    [InlineData("UPDATE log_events SET type = 'other.v1' WHERE {place}", "has other bytes at revision 1")]
    [InlineData("UPDATE log_events SET event_id = gen_random_uuid() WHERE {place}", "has other bytes at revision 1")]
    [InlineData("DELETE FROM log_events WHERE {place}", "have another head")]
    [InlineData("DELETE FROM log_events WHERE {stream}", "are missing, or have another head")]
    public async Task A_changed_or_missing_event_is_found(string sql, string what)
    {
        const string stream = "stream_key = (SELECT key FROM log_streams WHERE name = '{name}')";
        Assert.NotEqual(0, await _database.ExecuteAsync(sql
            .Replace("{place}", $"{stream} AND revision = 1", StringComparison.Ordinal)
            .Replace("{stream}", stream, StringComparison.Ordinal)
            .Replace("{name}", _streams[9], StringComparison.Ordinal)));

        await AssertDiffersAsync(1, what);
    }

    [Fact]
    public async Task A_changed_event_is_found_although_its_hash_was_made_anew()
    {
        var stored = (await _database.Store.ReadStreamAsync(
            _streams[1], 3, ReadDirection.Forwards, limit: 1, None))[0];
        var payload = "{\"n\":8}"u8.ToArray();
        var open = stored.Metadata[..^55].ToArray(); // Without the hash, and with the end of the object.
        var (metadata, _) = EventChain.Link(
            EventChain.PreviousOf(stored.Metadata.Span), stored.Type, stored.EventId, [.. open, (byte)'}'], payload);
        Assert.Equal(1, await _database.Source.ExecuteAsync(
            "UPDATE log_events SET payload = $1, metadata = $2 WHERE position = $3", None, payload, metadata,
            (long)stored.Position.Value));

        await AssertDiffersAsync(2, "have another head");
    }

    [Theory]
    [InlineData(
        "UPDATE audit_batches SET openings = set_byte(openings, 40, 255 - get_byte(openings, 40))", "stored head")]
    [InlineData("UPDATE audit_batches SET tiles = set_byte(tiles, 40, 255 - get_byte(tiles, 40))", "another root")]
    [InlineData("UPDATE audit_batches SET openings = set_byte(openings, 0, 99)", "has the prefix 99")]
    [InlineData("UPDATE audit_batches SET entry = -1", "its row cannot be read")]
    [InlineData("UPDATE audit_batches SET tiles = substring(tiles FROM 1 FOR 32)", "another length")]
    [InlineData("UPDATE audit_batches SET heads = heads - 1", "its row says something else")]
    [InlineData("UPDATE audit_batches SET position = position - 1", "its row says something else")]
    [InlineData("UPDATE audit_batches SET time = time - interval '1 s'", "its row says something else")]
    [InlineData("UPDATE audit_batches SET entry = entry - 1", "its row says something else")]
    public async Task A_changed_batch_is_found(string sql, string what)
    {
        Assert.Equal(1, await _database.ExecuteAsync(sql + " WHERE number = 3"));

        await AssertDiffersAsync(3, what);
    }

    [Theory]
    [InlineData("UPDATE audit_entries SET entry = overlay(entry PLACING '3' FROM 20)")]
    [InlineData("DELETE FROM audit_entries")]
    public async Task A_changed_entry_is_found(string sql)
    {
        Assert.Equal(1, await _database.ExecuteAsync(sql + " WHERE log = 'heads' AND index = 4"));

        await AssertDiffersAsync(4, "its entry is not the one that was published");
    }

    [Fact]
    public async Task An_event_that_was_put_in_is_found()
    {
        // At the position of one that was removed.
        var stored = (await _database.Store.ReadStreamAsync(
            _streams[2], 4, ReadDirection.Forwards, limit: 1, None))[0];
        await _database.AppendAsync(Some.Stream(), events: 1);
        var put = await _database.Store.HeadAsync(None);
        await _database.ExecuteAsync(
            $"""
            DELETE FROM log_events WHERE position = {stored.Position};
            UPDATE log_events SET position = {stored.Position} WHERE position = {put}
            """);

        var found = Assert.Single(await VerifyAsync(), batch => batch.Difference is not null);
        Assert.Contains("have another head", found.Difference, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_stream_in_a_batch_is_found()
    {
        await _database.AppendAsync(Some.Stream(), events: 1);
        await BatchAsync();
        var last = await _database.Store.HeadAsync(None);
        await _database.AppendAsync(Some.Stream(), events: 1);
        var put = await _database.Store.HeadAsync(None);
        await _database.AppendAsync(Some.Stream(), events: 1);
        await _database.ExecuteAsync(
            $"""
            UPDATE log_events SET position = -1 WHERE position = {last};
            UPDATE log_events SET position = {last} WHERE position = {put};
            UPDATE log_events SET position = {put} WHERE position = -1
            """);

        await AssertDiffersAsync(5, "another head");
    }

    [Fact]
    public async Task A_stream_that_was_cut_is_no_difference_if_the_cut_is_noted()
    {
        var writer = new AuditWriter(
            _database.Store, new EventCodec(), new ClockGuard(TimeProvider.System), TimeProvider.System);
        var cuts = new CutLog(writer, _database.Store, new EventCodec());
        foreach (var (stream, before) in new[] { (_streams[1], 4L), (_streams[9], 2L), (_streams[0], 1L) })
        {
            var last = (await _database.Store.ReadStreamAsync(
                stream, before - 1, ReadDirection.Forwards, limit: 1, None))[0];
            await cuts.NoteAsync(stream, before, EventChain.HashOf(last.Metadata.Span), CutLog.Expired, None);
            await BatchAsync();
            await _database.Store.TruncateAsync(stream, before, None);
        }

        Assert.All(await VerifyAsync(), batch => Assert.Null(batch.Difference));
        await _database.Store.TruncateAsync(_streams[0], 2, None); // One more than the note says.
        await AssertDiffersAsync(1, _streams[0]);
    }

    [Fact]
    public async Task A_cut_that_is_not_noted_is_found()
    {
        await _database.Store.TruncateAsync(_streams[9], 2, None);

        await AssertDiffersAsync(1, _streams[9]);
    }

    [Fact]
    public async Task A_salt_that_was_shredded_is_no_difference()
    {
        foreach (var stream in _streams[..6])
            await _database.Secrets.ShredAsync(Opening.SecretOf(stream), None);
        Assert.All(await VerifyAsync(), batch => Assert.Null(batch.Difference));

        await _database.AppendAsync(_streams[0], events: 1); // Its leaf has a salt of zeros.
        await BatchAsync();
        Assert.All(await VerifyAsync(), batch => Assert.Null(batch.Difference));
    }

    [Fact]
    public async Task How_far_it_has_come_is_kept()
    {
        Assert.Null(await Verification.LastAsync(None));
        var run = new VerificationRun(_database.Clock.GetUtcNow(), 1, 2, 4, [2], IsFinished: false);
        await Verification.SaveAsync(run, None);
        await Verification.SaveAsync(run with { Checked = 3, Differing = [2, 3] }, None);

        var last = (await Verification.LastAsync(None))!;
        Assert.Equal(run with { Checked = 3, Differing = last.Differing }, last);
        Assert.Equal([2, 3], last.Differing);
    }

    private async Task AssertDiffersAsync(long batch, string what)
    {
        var found = Assert.Single(await VerifyAsync(), verified => verified.Difference is not null);
        Assert.Equal(batch, found.Number);
        Assert.Contains(what, found.Difference, StringComparison.Ordinal);
    }

    private async Task BatchAsync() => Assert.NotNull(await _database.Node().AppendAsync(None));

    private async Task<List<(long Number, string? Difference)>> VerifyAsync(
        long after = 0, long through = long.MaxValue)
    {
        var verified = new List<(long, string?)>();
        await foreach (var batch in Verification.VerifyAsync(after, through, None))
            verified.Add((batch.Number, batch.Difference));
        return verified;
    }
}
