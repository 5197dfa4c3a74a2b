using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Auditing;

/// <summary>Approves or refuses a matter. The caller must not be who asked for it.</summary>
public static class SettleMatter
{
    /// <summary>The body of <c>POST /v1/audit/matters/{id}/approval</c> and of that of a hold.</summary>
    public sealed record Body
    {
        public bool? Approve { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, string? Matter, Body Body) : IRequest<Result>;

    public sealed record Result(MatterView Matter, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Body.Approve).NotNull().WithMessage("must be true or false.")
            .OverridePropertyName("approve");
    }

    internal sealed class Handler(AuditWriter writer, TimeProvider clock) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var id = AuditIds.Matter(request.Matter);
            var command = new MatterCommand.Settle(request.Caller, request.Body.Approve!.Value);
            var (matter, position) = await writer.WriteAsync(
                id, command, new Actor(request.Caller, request.Device), cancellationToken);
            return new Result(MatterView.Of(matter, clock.GetUtcNow()), position);
        }
    }
}

/// <summary>Ids of matters and holds. A text that is no UUID is refused like an unknown id.</summary>
internal static class AuditIds
{
    public static MatterId Matter(string? text) =>
        new(Uuids.TryParse(text, out var id) ? id : throw new RefusedException(Refusal.MatterUnknown));

    public static HoldId Hold(string? text) =>
        new(Uuids.TryParse(text, out var id) ? id : throw new RefusedException(Refusal.HoldUnknown));
}
