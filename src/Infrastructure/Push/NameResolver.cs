using System.Net;
using System.Net.Sockets;
using ChatCqrs.Application;

namespace ChatCqrs.Infrastructure.Push;

/// <summary>
/// Resolves names that users chose. A look-up blocks its thread until the operating system gives up, which takes up to
/// a minute if the name's server is silent, and nothing cancels it. Look-ups therefore run on threads of their own,
/// never on the shared pool, and only <see cref="LookUpsMax"/> at once.
/// </summary>
internal sealed class NameResolver(TimeProvider clock)
{
    /// <summary>The most look-ups, and their threads, at once. Further names are refused without waiting.</summary>
    internal const int LookUpsMax = 4;

    /// <summary>Names whose last answer is kept.</summary>
    internal const int NamesMax = 1_000;

    private const int StackSize = 256 * 1024;

    /// <summary>How long a caller waits. The look-up keeps its place until it ends.</summary>
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(2);

    /// <summary>How long an answer serves further connections; the name is not looked up again meanwhile.</summary>
    private static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(1);

    /// <summary>How long an answer serves while the name cannot be looked up: known services stay in reach.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromHours(1);

    private readonly RecentlyUsed<string, Answer> _answers = new(NamesMax);
    private readonly Dictionary<string, Task<IPAddress[]>> _running = [];
    private readonly Lock _turn = new();

    /// <summary>The blocking look-up. Tests replace it.</summary>
    internal Func<string, IPAddress[]> LookUp { get; set; } = Dns.GetHostAddresses;

    /// <exception cref="SocketException">The name has no address.</exception>
    /// <exception cref="NameUnresolvedException">Too many look-ups are running, or this one takes too long.</exception>
    public async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out var literal))
            return [literal];
        var name = host.ToLowerInvariant();
        var known = _answers.TryGet(name, out var answer) ? answer : null;
        if (known is not null && clock.GetElapsedTime(known.At) < FreshFor)
            return known.Addresses;
        try
        {
            var running = Join(name) ?? throw new NameUnresolvedException("too many look-ups are running");
            return await running.WaitAsync(WaitMax, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or NameUnresolvedException)
        {
            if (known is not null && clock.GetElapsedTime(known.At) < KeptFor)
                return known.Addresses;
            throw exception as NameUnresolvedException ?? new NameUnresolvedException("the name server is silent");
        }
    }

    /// <summary>Starts the look-up of a name, or joins a running one; null if too many are running.</summary>
    private Task<IPAddress[]>? Join(string name)
    {
        lock (_turn)
        {
            if (_running.TryGetValue(name, out var running))
                return running;
            if (_running.Count >= LookUpsMax)
                return null;
            var result = new TaskCompletionSource<IPAddress[]>(TaskCreationOptions.RunContinuationsAsynchronously);
            var thread = new Thread(() => Run(name, result), StackSize)
            {
                IsBackground = true,
                Name = "push name look-up",
            };
            thread.Start();
            _running.Add(name, result.Task); // The thread takes the lock before it removes the entry.
            return result.Task;
        }
    }

    private void Run(string name, TaskCompletionSource<IPAddress[]> result)
    {
        try
        {
            var addresses = LookUp(name);
            _answers.Set(name, new Answer(addresses, clock.GetTimestamp()));
            Leave(name);
            result.SetResult(addresses);
        }
        catch (Exception exception) // An exception on this thread would end the process.
        {
            Leave(name);
            result.SetException(exception);
            _ = result.Task.Exception; // Observed: the callers may have left.
        }
    }

    private void Leave(string name)
    {
        lock (_turn)
            _running.Remove(name);
    }

    private sealed record Answer(IPAddress[] Addresses, long At);
}

/// <summary>A name could not be looked up at this time.</summary>
internal sealed class NameUnresolvedException(string reason) : IOException(reason);
