using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.DeviceKeys;

/// <summary>
/// Takes statements of users' devices into the log of keys. A key that is new to a list needs the approval of a device
/// that was in it, or the statement says that it begins anew; whether the device is the user's, its caller knows.
/// </summary>
public sealed class DeviceLists(IDeviceListLog log, ISignatures signatures)
{
    /// <summary>The statement to be signed or appended next.</summary>
    /// <param name="devices">All devices that the user has from then on, in any order.</param>
    /// <param name="isReset">See <see cref="DeviceStatement"/>.</param>
    /// <exception cref="StoreUnavailableException">The database cannot be reached.</exception>
    public async Task<DeviceStatement> DraftAsync(
        UserId user, IReadOnlyCollection<ListedDevice> devices, bool isReset, CancellationToken cancellationToken)
    {
        var newest = await log.NewestAsync(user, cancellationToken);
        return DeviceStatement.Next(
            user, newest is null ? null : (newest.Version, newest.Leaf), devices, isReset);
    }

    /// <summary>
    /// Logs a statement, signed and published on return; with <c>Audit:Quorum</c> once the witnesses have signed
    /// (<see cref="LoggedStatement.IsPublished"/>). The same bytes again are answered as the first time. Of
    /// several statements that follow the same one, the first is logged.
    /// </summary>
    /// <param name="bytes">A statement's bytes, see <see cref="DeviceStatement"/>.</param>
    /// <exception cref="RefusedException">The user's statements were erased.</exception>
    /// <exception cref="StoreUnavailableException">
    /// The database cannot be reached, or the log is not signed now. The statement may be logged already: repeat it.
    /// </exception>
    public async Task<DeviceListOutcome> AppendAsync(
        ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        DeviceStatement statement;
        try
        {
            statement = DeviceStatement.Parse(bytes.Span);
        }
        catch (FormatException exception)
        {
            return new DeviceListOutcome.Wrong(exception.Message);
        }

        var newest = await log.NewestAsync(statement.User, cancellationToken);
        if (statement.Version == (newest?.Version ?? -1) + 1 && Fault(statement, newest) is { } fault)
            return new DeviceListOutcome.Wrong(fault);

        var logged = await log.AppendAsync(
            statement.User, statement.Version, statement.Previous, bytes, cancellationToken);
        return logged is null ? new DeviceListOutcome.Stale() : new DeviceListOutcome.Logged(logged);
    }

    /// <summary>What keeps a statement from following another one; null for nothing.</summary>
    private string? Fault(DeviceStatement next, LoggedStatement? newest)
    {
        if (newest is null)
        {
            return next.Approval is null && !next.IsReset
                ? null
                : "A user's first statement has nobody who could approve it, and nothing to begin anew.";
        }

        if (newest.Statement is not { } bytes)
        {
            return next.IsReset
                ? null
                : "The server has lost the statement before this one: send that one again, or begin anew.";
        }

        var last = DeviceStatement.Parse(bytes.Span);
        if (next.Approval is { } approval)
        {
            var approver = last.Devices.FirstOrDefault(device => device.Device == next.ApprovedBy);
            return approver is not null
                && signatures.Verifies(approver.SignatureKey.Span, next.ToSign(), approval.Span)
                    ? null
                    : "The approval is not the signature of a device of the statement before.";
        }

        return next.IsReset || next.Devices.All(device => last.Devices.Any(device.IsKeyOf))
            ? null
            : "A new key needs the approval of a device that was listed before, or a reset.";
    }
}

/// <summary>What became of a statement.</summary>
public abstract record DeviceListOutcome
{
    private DeviceListOutcome()
    {
    }

    /// <summary>It is in the published log.</summary>
    public sealed record Logged(LoggedStatement Statement) : DeviceListOutcome;

    /// <summary>It does not follow the newest statement (any more): make another one.</summary>
    public sealed record Stale : DeviceListOutcome;

    /// <summary>It can never be logged.</summary>
    /// <param name="Reason">Why, in a sentence.</param>
    public sealed record Wrong(string Reason) : DeviceListOutcome;
}
