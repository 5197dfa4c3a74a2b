using ChatCqrs.Application.Auditing;
using Microsoft.AspNetCore.Http.Features;

namespace ChatCqrs.WebApi.Auditing;

/// <summary>
/// What an audited endpoint is told, and tells, about its answer; among the request's features
/// (<see cref="AuditedEndpoints.Audited"/>).
/// </summary>
/// <param name="matter">The open matter that the call names; null for none.</param>
public sealed class AuditedAnswer(OpenedMatter? matter)
{
    public OpenedMatter? Matter { get; } = matter;

    /// <summary>How many things the answer holds. An endpoint that streams raises it as it writes.</summary>
    public long Entries { get; set; }

    public static AuditedAnswer Of(HttpContext context) => context.Features.GetRequiredFeature<AuditedAnswer>();
}
