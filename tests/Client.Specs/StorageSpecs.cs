using ChatCqrs.Client.Specs.Fakes;

namespace ChatCqrs.Client.Specs;

/// <summary>What every store promises.</summary>
public abstract class StorageContract
{
    /// <summary>A store, and another view of the same one.</summary>
    protected abstract (IChatStorage One, IChatStorage Other) Open();

    [Fact]
    public async Task What_is_written_is_read_until_it_is_removed()
    {
        var (one, other) = Open();
        Assert.Null(await one.ReadAsync("a/b-1"));
        await one.WriteAsync("a/b-1", "ä 1");
        await one.WriteAsync("a/b-1", "ä 2", durable: false);
        Assert.Equal("ä 2", await other.ReadAsync("a/b-1"));
        await other.WriteAsync("a/b-1", null);
        await other.WriteAsync("a/b-1", null);
        Assert.Null(await one.ReadAsync("a/b-1"));
    }

    [Fact]
    public async Task Keys_are_listed_by_prefix_in_order()
    {
        var (one, other) = Open();
        foreach (var key in (string[])["seq/2", "seq/10", "outbox/1", "seq/1"])
            await one.WriteAsync(key, "x");
        Assert.Equal(["seq/1", "seq/10", "seq/2"], await other.KeysAsync("seq/"));
        Assert.Equal(4, (await other.KeysAsync("")).Count);
    }

    [Fact]
    public async Task A_lock_is_held_by_one_at_a_time()
    {
        var (one, other) = Open();
        var held = await one.LockAsync("tokens");
        Assert.Null(await other.TryLockAsync("tokens"));
        using (await other.TryLockAsync("outbox"))
        {
        }

        var waiting = other.LockAsync("tokens").AsTask();
        Assert.False(waiting.IsCompleted);
        held.Dispose();
        using (await waiting.WaitAsync(Wait.Most))
            Assert.Null(await one.TryLockAsync("tokens"));
        using var again = await one.TryLockAsync("tokens");
        Assert.NotNull(again);
    }

    [Fact]
    public async Task A_wait_for_a_lock_can_be_cancelled()
    {
        var (one, other) = Open();
        using var held = await one.LockAsync("tokens");
        using var cancelled = new CancellationTokenSource();
        var waiting = other.LockAsync("tokens", cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task Many_writers_at_once_leave_one_whole_text()
    {
        var (one, other) = Open();
        var texts = Enumerable.Range(0, 40).Select(i => new string((char)('a' + (i % 26)), 10_000)).ToList();
        await Task.WhenAll(texts.Select((text, i) => Task.Run(
            async () => await (i % 2 == 0 ? one : other).WriteAsync("key", text))));
        Assert.Contains(await one.ReadAsync("key"), texts);
    }
}

public sealed class MemoryStorageSpecs : StorageContract
{
    protected override (IChatStorage One, IChatStorage Other) Open()
    {
        var storage = new MemoryStorage();
        return (storage, storage);
    }
}

public sealed class FileStorageSpecs : StorageContract, IDisposable
{
    private readonly Folder _folder = new();

    protected override (IChatStorage One, IChatStorage Other) Open() =>
        (new FileStorage(_folder.Path), new FileStorage(_folder.Path));

    [Fact]
    public async Task Only_its_owner_can_read_it()
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Path.Combine(_folder.Path, "fresh");
        await new FileStorage(folder).WriteAsync("session", "secret");
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite,
            File.GetUnixFileMode(Path.Combine(folder, "session.txt")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    [InlineData("A")]
    public async Task A_key_cannot_lead_out_of_the_folder(string key) =>
        await Assert.ThrowsAsync<ArgumentException>(async () => await new FileStorage(_folder.Path).ReadAsync(key));

    public void Dispose() => _folder.Dispose();
}
