using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Infrastructure.ReadModels;

/// <summary>What became of matters and holds, as their rows say it.</summary>
internal static class AuditStatus
{
    public const string Pending = "pending";
    public const string Approved = "approved";
    public const string Refused = "refused";
    public const string Ended = "ended";

    public static ApprovalStatus Parse(string text) => text switch
    {
        Pending => ApprovalStatus.Pending,
        Approved => ApprovalStatus.Approved,
        Refused => ApprovalStatus.Refused,
        Ended => ApprovalStatus.Ended,
        _ => throw new FormatException($"{text} is no status of a matter or a hold."),
    };
}
