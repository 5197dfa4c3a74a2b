using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ChatCqrs.Infrastructure.Push;
using ChatCqrs.Testing;

namespace ChatCqrs.Infrastructure.Tests.Push;

/// <summary>Names with a silent name server occupy a few threads of their own, and nothing else.</summary>
public sealed class NameResolverTests : IDisposable
{
    private static readonly IPAddress[] Found = [IPAddress.Parse("8.8.8.8")];

    private readonly ManualResetEventSlim _silent = new();
    private readonly NameResolver _resolver = new(TimeProvider.System);
    private int _running, _most, _onThePool, _lookUps;

    public NameResolverTests() => _resolver.LookUp = LookUp;

    public void Dispose()
    {
        _silent.Set();
        Eventually.IsTrue(() => Volatile.Read(ref _running) == 0, "the look-ups end").GetAwaiter().GetResult();
        _silent.Dispose();
    }

    [Fact]
    public async Task Silent_names_leave_the_pool_free_and_further_names_are_refused_at_once()
    {
        var waiting = Enumerable.Range(0, NameResolver.LookUpsMax).Select(i => ResolveAsync($"{i}.silent")).ToArray();
        await Eventually.IsTrue(() => Volatile.Read(ref _running) == NameResolver.LookUpsMax, "all look-ups run");

        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
            await Assert.ThrowsAsync<NameUnresolvedException>(() => ResolveAsync($"more-{i}.silent"))));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1));

        // The callers give up; the look-ups keep their places until they end.
        foreach (var each in waiting)
            await Assert.ThrowsAsync<NameUnresolvedException>(() => each);
        await Assert.ThrowsAsync<NameUnresolvedException>(() => ResolveAsync("late.silent"));
        Assert.Equal((NameResolver.LookUpsMax, 0), (_most, _onThePool));

        _silent.Set();
        await Eventually.IsTrue(() => Volatile.Read(ref _running) == 0, "the look-ups end");
        Assert.Equal(Found, await ResolveAsync("late.silent"));
    }

    [Fact]
    public async Task Callers_of_one_name_share_a_look_up()
    {
        var all = Enumerable.Range(0, 50).Select(_ => ResolveAsync("Push.silent")).ToArray();
        _silent.Set();

        foreach (var each in all)
            Assert.Equal(Found, await each);
        Assert.Equal(1, _lookUps);
    }

    [Fact]
    public async Task Known_names_are_reached_while_all_places_are_taken()
    {
        var clock = new Later();
        var resolver = new NameResolver(clock) { LookUp = LookUp };
        Assert.Equal(Found, await resolver.ResolveAsync("push.example", CancellationToken.None));
        clock.Passed = TimeSpan.FromMinutes(2);
        var waiting = Enumerable.Range(0, NameResolver.LookUpsMax)
            .Select(i => resolver.ResolveAsync($"{i}.silent", CancellationToken.None)).ToArray();
        await Eventually.IsTrue(() => Volatile.Read(ref _running) == NameResolver.LookUpsMax, "all look-ups run");

        Assert.Equal(Found, await resolver.ResolveAsync("push.example", CancellationToken.None));

        clock.Passed = TimeSpan.FromHours(2);
        await Assert.ThrowsAsync<NameUnresolvedException>(
            () => resolver.ResolveAsync("push.example", CancellationToken.None));
        foreach (var each in waiting)
            await Assert.ThrowsAsync<NameUnresolvedException>(() => each);
    }

    [Fact]
    public async Task A_name_without_an_address_is_looked_up_again()
    {
        await Assert.ThrowsAsync<SocketException>(() => ResolveAsync("nowhere.example"));
        await Assert.ThrowsAsync<SocketException>(() => ResolveAsync("nowhere.example"));
        Assert.Equal(2, _lookUps);
        Assert.Equal([IPAddress.Loopback], await ResolveAsync("127.0.0.1"));
        Assert.Equal(2, _lookUps);
    }

    private Task<IPAddress[]> ResolveAsync(string name) => _resolver.ResolveAsync(name, CancellationToken.None);

    private IPAddress[] LookUp(string name)
    {
        Interlocked.Increment(ref _lookUps);
        var running = Interlocked.Increment(ref _running);
        InterlockedMax(running);
        if (Thread.CurrentThread.IsThreadPoolThread)
            Interlocked.Increment(ref _onThePool);
        try
        {
            if (name.EndsWith(".silent", StringComparison.Ordinal))
                _silent.Wait();
            return name == "nowhere.example" ? throw new SocketException((int)SocketError.HostNotFound) : Found;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private void InterlockedMax(int value)
    {
        int seen;
        while (value > (seen = Volatile.Read(ref _most)) && Interlocked.CompareExchange(ref _most, value, seen) != seen)
        {
        }
    }

    /// <summary>The system's clock, some time later.</summary>
    private sealed class Later : TimeProvider
    {
        public TimeSpan Passed { get; set; }

        public override long GetTimestamp() =>
            base.GetTimestamp() + (long)(Passed.TotalSeconds * TimestampFrequency);
    }
}
