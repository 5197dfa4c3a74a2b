using System.Diagnostics;
using System.Diagnostics.Metrics;
using ChatCqrs.Application;
using ChatCqrs.Application.Ports;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Conversations;
using Microsoft.Extensions.Options;

namespace ChatCqrs.WebApi.Realtime;

/// <summary>
/// Tells the writer's memory and the sockets of this node what is in the log, whether it was announced or not: an
/// announcement can be lost, and no decision may rest on an old state for long. A look asks the log which streams have
/// events since the last look, so it costs only what is new. It runs on a node without Redis, too: another may share
/// its log, if only while one version replaces the other (docs/adr/0003).
/// </summary>
internal sealed class LogFollower(
    IEventStore log, IEventCodec codec, IConversationWriter conversations, OpenSockets sockets, HeardEntries heard,
    LiveHub hub, AccountFeed accounts, LostEntries lost, IOptions<LiveOptions> options, TimeProvider clock,
    ILogger<LogFollower> logger)
    : BackgroundService
{
    /// <summary>The most events of one query.</summary>
    private const int PageMax = 10_000;

    /// <summary>The most conversations kept for sockets that have not read their inbox yet.</summary>
    private const int OpenMax = 20_000;

    /// <summary>The most time of an announcement's way; afterwards it counts as lost.</summary>
    private static readonly TimeSpan SettledAfter = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest wait after failures. The first is <see cref="SettledAfter"/>, and each doubles.</summary>
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(1);

    private static readonly Counter<long> Recovered = Telemetry.Meter.CreateCounter<long>(
        "chat.live.recovered", "{conversation}",
        "Conversations of this node's sockets with entries that were dropped or never announced.");

    private readonly Dictionary<ConversationId, (long First, long Last)> _open = [];
    private long _lookedAt = Stopwatch.GetTimestamp();

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Telemetry.Meter.CreateObservableGauge(
            "chat.follow.lag", () => Stopwatch.GetElapsedTime(Volatile.Read(ref _lookedAt)).TotalSeconds, "s",
            "Time since this node last knew all that was in the log.");
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var position = await conversations.Started.WaitAsync(stoppingToken);
        for (var wait = SettledAfter; ;)
        {
            var started = clock.GetTimestamp();
            try
            {
                position = await lost.CheckAsync(position, stoppingToken);
                position = await LookAsync(position, stoppingToken);
                wait = SettledAfter;
                var rest = options.Value.FollowEvery - clock.GetElapsedTime(started);
                if (rest > TimeSpan.Zero)
                    await Task.Delay(rest, clock, stoppingToken);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // The next look begins at the last position again: what is known already costs nothing.
                if (exception is StoreUnavailableException)
                    logger.LogWarning("The log cannot be followed at the moment: {Reason}", exception.Message);
                else
                    logger.LogError(exception, "The log could not be followed.");
                await Task.Delay(wait, clock, stoppingToken);
                wait = wait * 2 < RetryMax ? wait * 2 : RetryMax;
            }
        }
    }

    /// <returns>The position up to which everything is known.</returns>
    private async Task<LogPosition> LookAsync(LogPosition position, CancellationToken cancellationToken)
    {
        Recovered.Add(hub.FetchLost());
        for (var isFull = true; isFull;)
        {
            var lookedAt = Stopwatch.GetTimestamp();
            var changes = await log.ChangesAsync(position, PageMax, cancellationToken);
            var changed = changes.Streams.Where(stream => stream.Stream.StartsWith(
                StreamName.ConversationPrefix, StringComparison.Ordinal)).ToList();
            if (!changed.TrueForAll(IsHeard))
                await Task.Delay(SettledAfter, clock, cancellationToken);
            Tell(changed);
            accounts.Note(
                changes.Streams.Where(stream => stream.Stream.StartsWith(
                    StreamName.UserPrefix, StringComparison.Ordinal)),
                changes.Through);
            (position, isFull) = (changes.Through, changes.IsFull);
            if (!isFull)
                Volatile.Write(ref _lookedAt, lookedAt);
        }

        heard.Turn();
        return position;
    }

    private void Tell(List<ChangedStream> changed)
    {
        var missed = new Dictionary<ConversationId, (long First, long Last)>(_open);
        _open.Clear();
        var (asked, watched) = (new HashSet<ConversationId>(missed.Keys), new HashSet<ConversationId>());
        foreach (var stream in changed)
        {
            var id = IdOf(stream);
            if (IsHeard(stream))
            {
                conversations.Notice(id, stream.First, stream.Last, isWatched: false);
                continue;
            }

            missed[id] = missed.TryGetValue(id, out var open) ? (open.First, stream.Last) : (stream.First, stream.Last);
            (MayAdmit(stream) ? watched : asked).Add(id);
        }

        asked.ExceptWith(watched);
        var hasNewSockets = asked.Count > 0 && sockets.Divide(asked, watched);
        foreach (var (id, (first, last)) in missed)
        {
            conversations.Notice(id, first, last, isWatched: watched.Contains(id));
            if (hasNewSockets && asked.Contains(id) && _open.Count < OpenMax)
                _open.Add(id, (first, last));
        }

        Recovered.Add(watched.Count);
    }

    private bool IsHeard(ChangedStream stream) => heard.Holds(IdOf(stream), stream.First, stream.Last);

    /// <summary>
    /// Whether a user may have come to the conversation, whose sockets do not know it. Types of a newer version count.
    /// </summary>
    private bool MayAdmit(ChangedStream stream) => !sockets.IsEmpty && stream.Types.Select(codec.TypeOf).Any(
        type => type is null || type == typeof(ConversationEvent.ConversationStarted)
            || type == typeof(ConversationEvent.MemberAdded));

    private static ConversationId IdOf(ChangedStream stream) => new(StreamName.IdOf(stream.Stream));
}
