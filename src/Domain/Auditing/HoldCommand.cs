namespace ChatCqrs.Domain.Auditing;

/// <summary>A request about a legal hold.</summary>
public abstract record HoldCommand
{
    private HoldCommand()
    {
    }

    /// <summary>Place a hold. The caller has checked the bounds of its scope.</summary>
    /// <param name="WithoutApproval">Whether it is approved at once, because holds need no approval here.</param>
    public sealed record Place(
        HoldId Hold, UserId By, MatterId? Matter, AuditScope Scope, string Reason, DateTimeOffset ReviewAt,
        bool WithoutApproval) : HoldCommand;

    /// <summary>Approve or refuse it. It holds until it is refused.</summary>
    public sealed record Settle(UserId By, bool Approve) : HoldCommand;

    /// <summary>Release what it keeps.</summary>
    public sealed record Release(UserId By) : HoldCommand;
}
