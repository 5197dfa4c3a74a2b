using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;

namespace ChatCqrs.Application.Auditing;

/// <inheritdoc cref="IMatters"/>
internal sealed class Matters(AuditWriter writer, IAuditViews views, TimeProvider clock) : IMatters
{
    public async Task<OpenedMatter> OpenAsync(
        MatterId matter, ConversationId? conversation, UserId auditor, CancellationToken cancellationToken)
    {
        var found = await writer.ReadAsync(matter, cancellationToken);
        if (found.Id is null)
            throw new RefusedException(Refusal.MatterUnknown);
        if (found.StatusAt(clock.GetUtcNow()) is var status and not ApprovalStatus.Approved)
        {
            throw new RefusedException(
                status is ApprovalStatus.Pending ? Refusal.MatterPending : Refusal.MatterEnded);
        }

        if (conversation is { } asked && !await CoversAsync(found.Scope, asked, cancellationToken))
            throw new RefusedException(Refusal.MatterScope);
        return new OpenedMatter(matter, found.Scope.From, found.Scope.To, found.Content);
    }

    private async Task<bool> CoversAsync(
        AuditScope scope, ConversationId conversation, CancellationToken cancellationToken) =>
        scope.Conversations.Contains(conversation)
        || (scope.Users.Count > 0 && await views.WasAnyMemberAsync(conversation, scope.Users, cancellationToken));
}
