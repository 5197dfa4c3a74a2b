using ChatCqrs.Application.Users;
using ChatCqrs.Domain;
using ChatCqrs.Domain.Auditing;
using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Microsoft.Extensions.Options;

namespace ChatCqrs.Application.Auditing;

/// <summary>Asks for a matter.</summary>
public static class RequestMatter
{
    /// <summary>The longest title, in characters.</summary>
    public const int TitleMax = 200;

    /// <summary>The body of <c>POST /v1/audit/matters</c>.</summary>
    public sealed record Body : ScopeBody
    {
        public string? Title { get; init; }
        public bool Content { get; init; }

        /// <summary>When the matter ends: in the future, and at most 30 days ahead.</summary>
        public DateTimeOffset? Until { get; init; }
    }

    public sealed record Command(UserId Caller, DeviceId Device, Body Body) : IRequest<Result>;

    public sealed record Result(MatterView Matter, LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator()
        {
            RuleFor(c => c.Body.Title).Must(title => title is not null && PlainText.IsLine(title, TitleMax))
                .WithMessage($"must have 1 to {TitleMax} characters, {PlainText.LineRule}.")
                .OverridePropertyName("title");
            RuleFor(c => c.Body.Until).NotNull().WithMessage("must say when the matter ends.")
                .OverridePropertyName("until");
            RuleFor(c => c.Body).Must(body => !body.NamesNothing)
                .WithMessage("must name conversations, or user_ids must name users.")
                .OverridePropertyName("conversation_ids");
            ScopeBody.AddRules(this, c => c.Body);
        }
    }

    internal sealed class Handler(AuditWriter writer, IOptions<AuditOptions> options, TimeProvider clock)
        : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            var (now, until) = (clock.GetUtcNow(), request.Body.Until!.Value);
            if (until <= now || until - now > Matter.LongestTime)
                throw new ValidationException([new ValidationFailure("until", "must be within the next 30 days.")]);
            var id = new MatterId(Guid.CreateVersion7(now));
            var command = new MatterCommand.Request(
                id, request.Caller, request.Body.Title!, request.Body.Reason!, request.Body.Scope,
                request.Body.Content, until, options.Value.Approval == AuditOptions.None);
            var (matter, position) = await writer.WriteAsync(
                id, command, new Actor(request.Caller, request.Device), cancellationToken);
            return new Result(MatterView.Of(matter, now), position);
        }
    }
}
