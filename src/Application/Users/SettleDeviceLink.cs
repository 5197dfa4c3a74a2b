using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Approves the link of a new device, which signs it in, or refuses it. Every step of an approval is repeatable: if one
/// fails, the same approval from the same device completes the rest.
/// </summary>
public static class SettleDeviceLink
{
    /// <summary>The size of a proof: a SHA-256, in bytes.</summary>
    public const int ProofSize = 32;

    /// <summary>The longest payload, in characters of base64.</summary>
    public const int PayloadMax = 65_536;

    /// <summary>How long the new device can get its tokens at least, however late it was approved.</summary>
    internal static readonly TimeSpan AnsweredFor = TimeSpan.FromMinutes(1);

    /// <summary>The body of <c>POST /v1/device-links/{link_id}/approval</c>.</summary>
    public sealed record Body
    {
        /// <summary>
        /// Base64 of SHA-256 over the 36 ASCII characters of <c>link_id</c> and the 32 bytes of <c>code</c>.
        /// </summary>
        public string? Proof { get; init; }

        /// <summary>Base64, for the new device, encrypted to its key; null for none.</summary>
        public string? Payload { get; init; }

        /// <summary>True to refuse; then there is nothing else.</summary>
        public bool? Refuse { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, string Link, Body Body) : IRequest<Result>;

    /// <param name="Position">
    /// The position of the last event written; <see cref="LogPosition.Start"/> if there was none.
    /// </param>
    public sealed record Result(LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Link).NotEmpty().OverridePropertyName("link_id");
            RuleFor(c => c.Body.Proof).Must(proof => Decode(proof)?.Length == ProofSize)
                .When(c => c.Body.Refuse is not true)
                .WithMessage($"must be base64 of {ProofSize} bytes.").OverridePropertyName("proof");
            RuleFor(c => c.Body.Payload)
                .Must(payload => payload is null || (payload.Length <= PayloadMax && Decode(payload) is not null))
                .WithMessage($"must be base64 of at most {PayloadMax} characters.").OverridePropertyName("payload");
        }
    }

    /// <returns>Null for what is no base64 with its padding (RFC 4648, section 4).</returns>
    private static byte[]? Decode(string? text)
    {
        if (text is not { Length: > 0 and <= PayloadMax })
            return null;
        var bytes = new byte[text.Length / 4 * 3];
        if (!Convert.TryFromBase64String(text, bytes, out var written))
            return null;
        var decoded = bytes[..written];
        return Convert.ToBase64String(decoded) == text ? decoded : null; // No white space, no stray bits.
    }

    internal sealed class Handler(
        IDeviceLinks links, DeviceAdmission admission, UserWriter users, LinkSeal seal, FirstTokens tokens,
        TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.Link, out var id))
                throw new RefusedException(Refusal.LinkUnknown);
            if (request.Body.Refuse is true)
            {
                if (!await links.RefuseAsync(id, request.Caller, clock.GetUtcNow(), cancellationToken))
                    throw await RefusalOfAsync(id, cancellationToken);
                return new Result(LogPosition.Start);
            }

            var approval = new LinkApproval(
                request.Caller, request.Device, Decode(request.Body.Proof)!,
                Decode(request.Body.Payload) is { } payload ? payload.AsMemory() : default(ReadOnlyMemory<byte>?));
            if (await links.ClaimAsync(id, approval, clock.GetUtcNow(), cancellationToken) is not { } claimed
                || await seal.OpenRequestAsync(id, claimed.ExpiresAt, claimed.Content, cancellationToken)
                    is not { } asked)
                throw await RefusalOfAsync(id, cancellationToken);
            var (_, position) = await users.WriteAsync(
                request.Caller, (state, ct) => AddDeviceAsync(state, request.Caller, claimed.Device, asked, ct),
                new Actor(request.Caller, request.Device), causation: id, cancellationToken);
            return await CompleteAsync(id, claimed, request.Caller, position, cancellationToken)
                ? new Result(position)
                : throw new RefusedException(Refusal.LinkSettled);
        }

        private async Task<RefusedException> RefusalOfAsync(Guid id, CancellationToken cancellationToken) =>
            new(await links.FindAsync(id, cancellationToken) is null ? Refusal.LinkUnknown : Refusal.LinkSettled);

        private async ValueTask<UserCommand?> AddDeviceAsync(
            User state, UserId user, DeviceId device, LinkRequest asked, CancellationToken cancellationToken)
        {
            if (state.Profile is not { } profile)
                throw new RefusedException(Refusal.UserUnknown); // The account was erased meanwhile.
            var removed = await admission.MakeRoomAsync(state, user, device, cancellationToken);
            return new UserCommand.AddDevice(
                user, device, asked.Name, asked.Platform, profile, removed, asked.Ephemeral);
        }

        private async Task<bool> CompleteAsync(
            Guid id, ClaimedDeviceLink claimed, UserId user, LogPosition position, CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var issued = await tokens.IssueAsync(
                user, claimed.Device, claimed.Phone, position, now, cancellationToken);
            var signIn = new LinkSignIn(user, claimed.Device, issued.RefreshHash, now, issued.RefreshExpiresAt);
            var kept = await seal.SealAsync(id, claimed.ExpiresAt, issued.Answer, cancellationToken);
            return await links.CompleteAsync(id, signIn, kept, now + AnsweredFor, cancellationToken);
        }
    }
}
