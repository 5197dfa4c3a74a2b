using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Presence;
using ChatCqrs.Domain;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Sends presence to the sockets of this node that watch it. One loop looks users up when it hears that they came or
/// went, and all watched users at every beat. So a lost announcement and a dead node show within a beat. Sockets that
/// watch nobody cost nothing.
/// </summary>
internal sealed class PresenceWatch(
    IPresence presence, PresenceVisibility visibility, IInbox inbox, IOptions<PresenceOptions> options,
    TimeProvider clock, ILogger<PresenceWatch> logger) : BackgroundService
{
    /// <summary>The most users, or pairs, of one query.</summary>
    private const int BatchMax = 1_000;

    /// <summary>Every twelfth beat checks whether watchers and watched still share a conversation.</summary>
    private const int SharingEvery = 12;

    /// <summary>The state shown of a user who may not be watched any more.</summary>
    private static readonly PresenceState Hidden = new(false, null);

    private readonly PresenceWatchers _watchers = new();
    private readonly SemaphoreSlim _work = new(0, 1);
    private readonly Lock _waking = new();

    /// <summary>
    /// Lets a socket watch further users, and sends it their present state; with an empty collection it watches nobody
    /// any more.
    /// </summary>
    /// <returns>False beyond the most that a socket or a node may watch.</returns>
    public bool Add(Connection connection, IReadOnlyCollection<UserId> users)
    {
        if (!_watchers.Add(connection, users))
            return false;
        Wake();
        return true;
    }

    /// <summary>Forgets a closed socket.</summary>
    public void Remove(Connection connection) => _watchers.Remove(connection);

    public override void Dispose()
    {
        presence.Changed -= OnChanged;
        _work.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        presence.Changed += OnChanged;
        var beats = 0;
        for (var beatAt = clock.GetTimestamp(); ;)
        {
            var rest = options.Value.BeatEvery - clock.GetElapsedTime(beatAt);
            if (rest > TimeSpan.Zero)
                await _work.WaitAsync(rest, stoppingToken);
            try
            {
                if (clock.GetElapsedTime(beatAt) >= options.Value.BeatEvery)
                {
                    beatAt = clock.GetTimestamp();
                    await PruneAsync(alsoStrangers: ++beats % SharingEvery == 0, stoppingToken);
                    _watchers.NoteChangeOfAll();
                }

                while (_watchers.Take(BatchMax, out var users, out var asked))
                    await ShowAsync(users, asked, stoppingToken);
            }
            catch (StoreUnavailableException exception)
            {
                logger.LogDebug("Presence is not known for the moment: {Reason}", exception.Message);
                await Task.Delay(options.Value.BeatEvery, clock, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A bug here must not stop the node, which delivers messages.
                logger.LogError(exception, "Presence could not be shown.");
                await Task.Delay(options.Value.BeatEvery, clock, stoppingToken);
            }
        }
    }

    private void OnChanged(UserId user)
    {
        if (_watchers.NoteChange(user))
            Wake();
    }

    private async Task ShowAsync(UserId[] users, HashSet<PresencePair> asked, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var (user, state) in await visibility.StatesAsync(users, cancellationToken))
            {
                var frame = FrameWriter.Presence(user, state);
                foreach (var watcher in _watchers.RecipientsOf(user, state, asked))
                {
                    if (!await visibility.AreApartAsync(watcher.User, user, cancellationToken))
                        watcher.Send(frame);
                }
            }
        }
        catch (StoreUnavailableException)
        {
            _watchers.PutBack(users, asked);
            throw;
        }
    }

    /// <summary>Ends pairs that a block separates.</summary>
    /// <param name="alsoStrangers">Whether to end pairs without a common conversation too.</param>
    private async Task PruneAsync(bool alsoStrangers, CancellationToken cancellationToken)
    {
        foreach (var batch in _watchers.Pairs().Chunk(BatchMax))
        {
            var sharing = alsoStrangers
                ? await inbox.SharingAsync(
                    [.. batch.Select(pair => (pair.Watcher.User, pair.User)).Distinct()], cancellationToken)
                : null;
            foreach (var pair in batch)
            {
                var (watcher, user) = (pair.Watcher.User, pair.User);
                if (sharing?.Contains((watcher, user)) == false
                    || await visibility.AreApartAsync(watcher, user, cancellationToken))
                    Hide(pair);
            }
        }
    }

    private void Hide(PresencePair pair)
    {
        if (_watchers.Remove(pair))
            pair.Watcher.Send(FrameWriter.Presence(pair.User, Hidden));
    }

    private void Wake()
    {
        lock (_waking)
        {
            if (_work.CurrentCount == 0)
                _work.Release();
        }
    }
}
