using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Lists the caller's devices in order of addition.</summary>
public static class ListDevices
{
    public sealed record Query(UserId Caller, DeviceId Device) : IRequest<IReadOnlyList<Item>>;

    /// <param name="LastSeen">Last use, UTC, to the minute.</param>
    /// <param name="Current">Whether it is the calling device.</param>
    public sealed record Item(Device Device, DateTimeOffset LastSeen, bool Current)
    {
        /// <param name="lastSeen">When devices were last used; one that is missing was when it was added.</param>
        /// <param name="current">The calling device; null for none.</param>
        internal static Item Of(
            Device device, IReadOnlyDictionary<DeviceId, DateTimeOffset> lastSeen, DeviceId? current) =>
            new(device, lastSeen.GetValueOrDefault(device.Id, device.AddedAt), device.Id == current);
    }

    internal sealed class Validator : AbstractValidator<Query>;

    internal sealed class Handler(
        UserWriter users, IDeviceSessions sessions) : IRequestHandler<Query, IReadOnlyList<Item>>
    {
        public async Task<IReadOnlyList<Item>> Handle(Query request, CancellationToken cancellationToken)
        {
            var (user, _) = await users.ReadAsync(request.Caller, cancellationToken);
            var lastSeen = await sessions.LastSeenAsync(request.Caller, cancellationToken);
            return [.. user.Devices.Select(device => Item.Of(device, lastSeen, request.Device))];
        }
    }
}
