using System.Text;
using ChatCqrs.Infrastructure.Auditing;
using ChatCqrs.Infrastructure.Tests.Tlog;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Tests.Auditing;

public sealed class EntryLogTests : IAsyncLifetime
{
    private static readonly CancellationToken None = CancellationToken.None;

    private AuditDatabase _database = null!;

    public async Task InitializeAsync() => _database = await AuditDatabase.CreateAsync();

    public async Task DisposeAsync() => await _database.DisposeAsync();

    /// <summary>Two full tiles and a part of a third one.</summary>
    [Fact]
    public async Task A_log_has_the_hashes_of_every_size_that_it_had()
    {
        var log = _database.Log;
        byte[][] entries =
            [.. Enumerable.Range(0, Leaves.Max).Select(number => Encoding.UTF8.GetBytes($"entry {number}\n"))];
        await log.CreateAsync("origin", "vkey", entries[0], None);
        await log.CreateAsync("other", "other", entries[0], None);
        await using (var connection = await _database.Source.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            Assert.True(await log.TryAppendAsync(connection, 1, entries[1..400], None));
            Assert.True(await log.TryAppendAsync(connection, 400, entries[400..], None));
            await transaction.CommitAsync();
        }

        Assert.Equal(new LogState("origin", "vkey", Leaves.Max), await log.StateAsync(None));
        foreach (var size in new[] { 1, 255, 256, 257, 511, 512, 513, 600 })
            Assert.Equal(Leaves.Roots[size], await log.TreeOf(size).RootAsync(None));
        Assert.Equal(entries[300..310], await log.EntriesAsync(300, 10, None));
        Assert.Null(await new EntryLog(EntryLog.Keys, _database.Source).StateAsync(None));
    }

    [Fact]
    public async Task An_entry_that_is_too_long_is_no_entry()
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        await _database.Log.CreateAsync("origin", "vkey", [1], None);
        await using var transaction = await connection.BeginTransactionAsync();

        await Assert.ThrowsAsync<ArgumentException>(
            () => _database.Log.TryAppendAsync(connection, 1, [new byte[EntryBundle.EntryMax + 1]], None));
    }
}
