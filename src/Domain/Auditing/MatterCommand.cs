namespace ChatCqrs.Domain.Auditing;

/// <summary>A request about a matter.</summary>
public abstract record MatterCommand
{
    private MatterCommand()
    {
    }

    /// <summary>Ask for a matter. The caller has checked the bounds of its scope and time.</summary>
    /// <param name="WithoutApproval">Whether it is approved at once, because matters need no approval here.</param>
    public sealed record Request(
        MatterId Matter, UserId By, string Title, string Reason, AuditScope Scope, bool Content, DateTimeOffset Until,
        bool WithoutApproval) : MatterCommand;

    /// <summary>Approve or refuse it.</summary>
    public sealed record Settle(UserId By, bool Approve) : MatterCommand;

    /// <summary>Note that its time is over.</summary>
    public sealed record End : MatterCommand;
}
