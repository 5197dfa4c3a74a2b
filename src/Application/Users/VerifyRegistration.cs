using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>
/// Signs a device in if the code is right. Every step is repeatable: if one fails, sending the same code again
/// completes the rest. If only the answer was lost, the same code for the same device gets it again
/// (<see cref="CodeCheck.Answered"/>); two requests at once get one device and one answer.
/// </summary>
public static class VerifyRegistration
{
    public const int CodeMax = 32;

    /// <summary>The body of <c>POST /v1/registrations/{registration_id}/verification</c>.</summary>
    public sealed record Body
    {
        public string? Code { get; init; }
        public DeviceBody? Device { get; init; }
    }

    /// <param name="Address">The client's address, see <see cref="StartRegistration.Command"/>.</param>
    public sealed record Command(string Registration, Body Body, ulong Address) : IRequest<SignedIn>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Code).Must(code => code is { Length: > 0 and <= CodeMax })
                .WithMessage("must be the code that was sent.").OverridePropertyName("code");
            RuleFor(c => c.Body.Device).NotNull().WithMessage(DeviceBody.Missing)
                .SetValidator(new DeviceBody.Validator()!).OverridePropertyName("device");
        }
    }

    internal sealed class Handler(
        IRegistrations registrations, DeviceAdmission admission, UserWriter users, AccountSecrets secrets,
        IContentSealer sealer, FirstTokens tokens, TimeProvider clock)
        : IRequestHandler<Command, SignedIn>
    {
        public async Task<SignedIn> Handle(Command request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.Registration, out var id))
                throw new RefusedException(Refusal.RegistrationUnknown);
            var check = await CheckAsync(id, request.Body, cancellationToken);
            if (check is CodeCheck.Right right)
            {
                if (await SignInAsync(right.Registration, request, cancellationToken) is { } signedIn)
                    return signedIn;
                check = await CheckAsync(id, request.Body, cancellationToken); // The same request may have been faster.
            }

            return check is CodeCheck.Answered answered
                && await secrets.OpenAnswerAsync(answered.Registration, cancellationToken) is { } again
                ? again
                : throw new RefusedException(Refusal.RegistrationBurnt);
        }

        /// <returns>Null if the registration was completed meanwhile.</returns>
        private async Task<SignedIn?> SignInAsync(
            Registration registration, Command request, CancellationToken cancellationToken)
        {
            var profile = await secrets.OpenAsync(registration, cancellationToken)
                ?? throw new RefusedException(Refusal.RegistrationBurnt);
            var user = await registrations.ClaimPhoneAsync(
                registration.Phone, registration.User, clock.GetUtcNow(), cancellationToken);
            var (_, position) = await users.WriteAsync(
                user,
                (state, ct) => AddDeviceAsync(state, user, registration.Device, request.Body.Device!, profile, ct),
                new Actor(user, registration.Device), causation: registration.Id, cancellationToken);
            return await CompleteAsync(registration, user, position, request.Address, cancellationToken);
        }

        /// <returns>Right, answered or over.</returns>
        private async Task<CodeCheck> CheckAsync(Guid id, Body body, CancellationToken cancellationToken)
        {
            var check = await registrations.CheckCodeAsync(
                id, await secrets.CodeAsync(id, body.Code!, cancellationToken),
                await secrets.DeviceAsync(body.Device!, cancellationToken),
                RegistrationOptions.AttemptsMax, clock.GetUtcNow(), cancellationToken);
            return check switch
            {
                CodeCheck.Wrong => throw new RefusedException(Refusal.WrongCode),
                CodeCheck.Unknown => throw new RefusedException(Refusal.RegistrationUnknown),
                _ => check,
            };
        }

        private async ValueTask<UserCommand?> AddDeviceAsync(
            User state, UserId user, DeviceId device, DeviceBody body, Profile profile,
            CancellationToken cancellationToken)
        {
            var removed = await admission.MakeRoomAsync(state, user, device, cancellationToken);
            var sealedProfile = await sealer.SealAsync(Profile.ScopeOf(user), profile.ToBytes(), cancellationToken);
            return new UserCommand.AddDevice(
                user, device, body.Name!, body.Platform!, sealedProfile, removed, body.Ephemeral is true);
        }

        private async Task<SignedIn?> CompleteAsync(
            Registration registration, UserId user, LogPosition position, ulong address,
            CancellationToken cancellationToken)
        {
            var now = clock.GetUtcNow();
            var issued = await tokens.IssueAsync(
                user, registration.Device, registration.Phone, position, now, cancellationToken);
            var signIn = new SignIn(
                user, registration.Device, issued.RefreshHash, now, issued.RefreshExpiresAt,
                await secrets.AddressKeyAsync(address, cancellationToken));
            var kept = await secrets.SealAsync(registration, issued.Answer, cancellationToken);
            return await registrations.CompleteAsync(registration.Id, signIn, kept, cancellationToken)
                ? issued.Answer
                : null;
        }
    }
}
