using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;

namespace ChatCqrs.Application.Users;

/// <summary>Makes room for one more device of an account.</summary>
internal sealed class DeviceAdmission(IDeviceSessions sessions)
{
    /// <summary>
    /// Signs out the device that was not here for the longest, where the account has <see cref="User.DevicesMax"/>.
    /// </summary>
    /// <returns>That device, for the command that adds the new one; null if there is room.</returns>
    public async ValueTask<DeviceId?> MakeRoomAsync(
        User state, UserId user, DeviceId device, CancellationToken cancellationToken)
    {
        if (state.Devices.Length < User.DevicesMax || state.HasDevice(device))
            return null;
        var lastSeen = await sessions.LastSeenAsync(user, cancellationToken);
        var oldest = state.Devices.MinBy(each => lastSeen.GetValueOrDefault(each.Id, DateTimeOffset.MinValue))!.Id;
        await sessions.RevokeAsync(user, oldest, cancellationToken);
        return oldest;
    }
}
