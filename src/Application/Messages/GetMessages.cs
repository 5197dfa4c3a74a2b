using ChatCqrs.Application.Conversations;
using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Messages;

/// <summary>Lists messages of one conversation in seq order: the latest ones, or those before or after a seq.</summary>
public static class GetMessages
{
    public sealed record Query(
        UserId Caller, ConversationId Conversation, long? BeforeSeq, long? AfterSeq, int? Limit) : IRequest<Result>;

    public sealed record Result(IReadOnlyList<MessageView> Messages);

    internal sealed class Validator : AbstractValidator<Query>
    {
        public Validator()
        {
            RuleFor(q => q.Limit).InclusiveBetween(1, Paging.LimitMax).OverridePropertyName("limit");
            RuleFor(q => q.BeforeSeq).GreaterThanOrEqualTo(0).OverridePropertyName("before_seq");
            RuleFor(q => q.AfterSeq).GreaterThanOrEqualTo(-1).OverridePropertyName("after_seq");
        }
    }

    internal sealed class Handler(
        Membership membership, ITimeline timeline, MessageViews views) : IRequestHandler<Query, Result>
    {
        public async Task<Result> Handle(Query request, CancellationToken cancellationToken)
        {
            var (_, member) = await membership.RequireAsync(request.Caller, request.Conversation, cancellationToken);
            var messages = await timeline.MessagesAsync(
                request.Conversation, member.JoinedSeq, request.AfterSeq, request.BeforeSeq,
                request.Limit ?? Paging.LimitDefault, cancellationToken);
            return new Result(await views.OfAsync([.. messages], cancellationToken));
        }
    }
}
