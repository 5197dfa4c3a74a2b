using System.Buffers.Text;
using System.Security.Cryptography;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Tells a new device what became of its link; waits while it is open. Holds no connection of the database meanwhile.
/// </summary>
public static class AwaitDeviceLink
{
    /// <summary>How long one request waits.</summary>
    public static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(25);

    /// <param name="Secret">The link's secret, in base64url; null if none was sent.</param>
    /// <param name="Stopping">Ends the wait early: the node stops, or nobody reads the answer.</param>
    public sealed record Query(string Link, string? Secret, CancellationToken Stopping) : IRequest<Result>;

    /// <param name="Proof">What the approving device has proven its knowledge of the code with; null before.</param>
    /// <param name="Payload">From the approving device; null for none.</param>
    /// <param name="SignedIn">The tokens; null once one of them was used, or they were revoked.</param>
    public sealed record Result(
        LinkStatus Status, ReadOnlyMemory<byte>? Proof = null, ReadOnlyMemory<byte>? Payload = null,
        SignedIn? SignedIn = null);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator() => RuleFor(q => q.Link).NotEmpty().OverridePropertyName("link_id");
    }

    internal sealed class Handler(
        IDeviceLinks links, LinkWaits waits, LinkSeal seal, TimeProvider clock) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.Link, out var id))
                throw new RefusedException(Refusal.LinkUnknown);
            var started = clock.GetTimestamp();
            using var listening = waits.Listen(id);
            while (true)
            {
                var news = listening.News;
                var link = await FindAsync(id, request.Secret, cancellationToken);
                var result = await ResultOfAsync(link, cancellationToken);
                var left = WaitMax - clock.GetElapsedTime(started);
                if (result.Status != LinkStatus.Pending || left <= TimeSpan.Zero
                    || request.Stopping.IsCancellationRequested)
                    return result;
                await WaitAsync(news, left, EndOf(link), request.Stopping, cancellationToken);
            }
        }

        private async Task<DeviceLink> FindAsync(Guid id, string? secret, CancellationToken cancellationToken)
        {
            var link = await links.FindAsync(id, cancellationToken)
                ?? throw new RefusedException(Refusal.LinkUnknown);
            var bytes = new byte[StartDeviceLink.SecretSize];
            var isRight = secret is not null
                && secret.Length == Base64Url.GetEncodedLength(bytes.Length)
                && Base64Url.TryDecodeFromChars(secret, bytes, out var written) && written == bytes.Length
                && CryptographicOperations.FixedTimeEquals(SHA256.HashData(bytes), link.SecretHash.Span);
            return isRight ? link : throw new RefusedException(Refusal.LinkSecretWrong);
        }

        private async ValueTask<Result> ResultOfAsync(DeviceLink link, CancellationToken cancellationToken) =>
            link.Outcome switch
            {
                LinkOutcome.Approved => new Result(
                    LinkStatus.Approved, link.Proof, link.Payload,
                    link.Answer is { } answer
                        ? await seal.OpenAnswerAsync(link.Id, link.ExpiresAt, answer, cancellationToken)
                        : null),
                LinkOutcome.Refused => new Result(LinkStatus.Refused),
                _ when EndOf(link) > clock.GetUtcNow() => new Result(LinkStatus.Pending),
                _ => new Result(LinkStatus.Expired),
            };

        /// <summary>An approval that was begun in time may end a little later.</summary>
        private static DateTimeOffset EndOf(DeviceLink link) =>
            link.IsClaimed ? link.ExpiresAt + SettleDeviceLink.AnsweredFor : link.ExpiresAt;

        /// <summary>Waits until there is news, the link expires, or the time is over.</summary>
        private async Task WaitAsync(
            Task news, TimeSpan left, DateTimeOffset end, CancellationToken stopping,
            CancellationToken cancellationToken)
        {
            var open = end - clock.GetUtcNow() + Tick;
            if (open <= TimeSpan.Zero)
                return; // It has ended since it was read.
            using var limit = new CancellationTokenSource(open < left ? open : left, clock);
            using var any = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping, cancellationToken);
            await news.WaitAsync(any.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        /// <summary>A timer may be early by as much.</summary>
        private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);
    }
}

/// <summary>The state of a device link, for its device.</summary>
public enum LinkStatus
{
    Pending,
    Approved,
    Refused,
    Expired,
}
