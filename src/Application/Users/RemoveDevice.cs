using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Removes one of the caller's devices: its tokens and sockets end at once.</summary>
public static class RemoveDevice
{
    /// <param name="Target">The device's id.</param>
    public sealed record Command(UserId Caller, DeviceId Device, string Target) : IRequest<Result>;

    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Target).NotEmpty().OverridePropertyName("device_id");
    }

    internal sealed class Handler(UserWriter users, IDeviceSessions sessions) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.Target, out var id))
                throw new RefusedException(Refusal.DeviceUnknown);
            var device = new DeviceId(id);
            var (_, position) = await users.WriteAsync(
                request.Caller, RemoveAsync, new Actor(request.Caller, request.Device), causation: null,
                cancellationToken);
            return new Result(position);

            // Sign out before the append: if the append fails, the device is still listed and can be removed again.
            async ValueTask<UserCommand?> RemoveAsync(User state, CancellationToken ct)
            {
                if (state.HasDevice(device))
                    await sessions.RevokeAsync(request.Caller, device, ct);
                return new UserCommand.RemoveDevice(device);
            }
        }
    }
}
