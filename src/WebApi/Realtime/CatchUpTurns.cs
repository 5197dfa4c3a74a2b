using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Bounds how many catch-ups read the stores at once: after a restart every client comes back in the same moment. The
/// others wait in the order of their coming. A catch-up takes a turn for each page and never holds one while its client
/// reads, so a slow client delays nobody.
/// </summary>
internal sealed class CatchUpTurns(IOptions<LiveOptions> options, TimeProvider clock) : IDisposable
{
    /// <summary>How long a catch-up waits for its turn. Then its client is told when to come back.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(20);

    /// <summary>The bounds of the time after which to come back, in seconds; chosen at random.</summary>
    private const int ReturnMin = 5, ReturnMax = 30;

    private readonly SemaphoreSlim _free = new(options.Value.CatchUpsMax);

    /// <summary>Runs a read when it is its turn.</summary>
    /// <exception cref="NoTurnException">It was not within <see cref="WaitMax"/>.</exception>
    public async Task<T> TakeAsync<T>(Func<Task<T>> read)
    {
        if (!_free.Wait(0))
            await WaitAsync();
        try
        {
            return await read();
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose() => _free.Dispose();

    private async Task WaitAsync()
    {
        using var patience = new CancellationTokenSource(WaitMax, clock);
        try
        {
            await _free.WaitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new NoTurnException(Random.Shared.Next(ReturnMin, ReturnMax + 1));
        }
    }
}

/// <summary>Too many catch-ups wait.</summary>
/// <param name="seconds">After how many seconds the client may come back.</param>
internal sealed class NoTurnException(int seconds) : Exception($"busy: reconnect after {seconds} s");
