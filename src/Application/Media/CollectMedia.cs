using System.Diagnostics.Metrics;
using ChatCqrs.Application.Holds;
using ChatCqrs.Application.Ports;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Media;

/// <summary>
/// Collects garbage: files that no message refers to, expired uploads, and bytes without either. Works in bounded steps
/// and may stop after any: the next run, on any node, finds the rest.
/// </summary>
public static class CollectMedia
{
    private static readonly Counter<long> Collected =
        Telemetry.Meter.CreateCounter<long>("chat.media.collected", "{file}", "Files collected.");

    public sealed record Command : IRequest<Result>;

    public sealed record Result(int Files, int Uploads, int Blobs);

    /// <summary>Nothing to validate.</summary>
    internal sealed class Validator : AbstractValidator<Command>;

    internal sealed class Handler(
        IMedia media, IUploads uploads, MediaGarbage garbage, Keeping keeping, IEventStore store, IReadSide readSide,
        IOptions<MediaOptions> options, TimeProvider clock, ILogger<Handler> logger) : IRequestHandler<Command, Result>
    {
        private const int StepMax = 500;

        /// <summary>How long to wait for the views before a file counts as unreferenced.</summary>
        private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var unusedSince = clock.GetUtcNow() - options.Value.UnreferencedAfter;
            var files = 0;
            if (await readSide.WaitForAsync(await store.HeadAsync(cancellationToken), WaitMax, cancellationToken))
                files = await RepeatAsync(
                    limit => keeping.RemoveAsync(
                        () => media.ForgetUnreferencedAsync(unusedSince, limit, cancellationToken),
                        cancellationToken));
            else
                logger.LogWarning(
                    "No file is collected now: the read models are too far behind to tell which are in use.");
            var expired = await RepeatAsync(limit => uploads.ExpireAsync(clock.GetUtcNow(), limit, cancellationToken));
            var blobs = await garbage.ClearAsync(cancellationToken);
            Collected.Add(files);
            return new Result(files, expired, blobs);
        }

        private static async Task<int> RepeatAsync(Func<int, Task<int>> step)
        {
            var all = 0;
            int done;
            do
            {
                done = await step(StepMax);
                all += done;
            }
            while (done == StepMax);
            return all;
        }
    }
}

/// <summary>Deletes bytes that nothing refers to.</summary>
public sealed class MediaGarbage(IMedia media, IBlobs blobs, TimeProvider clock, ILogger<MediaGarbage> logger)
{
    private const int StepMax = 200;

    /// <summary>When bytes whose deletion failed are due again. Others do not wait for them.</summary>
    private static readonly TimeSpan FailureRetry = TimeSpan.FromHours(1);

    /// <returns>The number of keys deleted.</returns>
    public async Task<int> ClearAsync(CancellationToken cancellationToken)
    {
        var all = 0;
        IReadOnlyList<BlobKey> keys;
        do
        {
            keys = await media.GarbageAsync(clock.GetUtcNow(), StepMax, cancellationToken);
            var cleared = new List<BlobKey>();
            foreach (var key in keys)
            {
                if (await TryDeleteAsync(key, cancellationToken))
                    cleared.Add(key);
            }

            if (cleared.Count > 0)
                await media.ClearedAsync(cleared, cancellationToken);
            if (cleared.Count < keys.Count)
            {
                await media.PostponeAsync(
                    [.. keys.Except(cleared)], clock.GetUtcNow() + FailureRetry, cancellationToken);
            }

            all += cleared.Count;
        }
        while (keys.Count == StepMax);
        return all;
    }

    private async Task<bool> TryDeleteAsync(BlobKey key, CancellationToken cancellationToken)
    {
        try
        {
            await blobs.DeleteAsync(key, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is not (StoreUnavailableException or OperationCanceledException))
        {
            logger.LogError(exception, "The bytes {Key} could not be deleted; it is tried again later.", key.Value);
            return false;
        }
    }
}
