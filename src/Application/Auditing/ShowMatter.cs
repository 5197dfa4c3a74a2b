using ChatCqrs.Domain;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Shows a matter as the log says now.</summary>
public static class ShowMatter
{
    public sealed record Query(string? Matter) : IRequest<MatterView>;

    /// <summary>Nothing to validate: an id that is none is unknown.</summary>
    internal sealed class Validator : FluentValidation.AbstractValidator<Query>;

    internal sealed class Handler(AuditWriter writer, TimeProvider clock) : IRequestHandler<Query, MatterView>
    {
        public async Task<MatterView> Handle(Query request, CancellationToken cancellationToken)
        {
            var matter = await writer.ReadAsync(AuditIds.Matter(request.Matter), cancellationToken);
            return matter.Id is null
                ? throw new RefusedException(Refusal.MatterUnknown)
                : MatterView.Of(matter, clock.GetUtcNow());
        }
    }
}
