using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Takes no more direct messages from a user. What was said stays, and groups that both are in go on.</summary>
public static class BlockUser
{
    /// <param name="Target">The user's id.</param>
    public sealed record Command(UserId Caller, DeviceId Device, string Target) : IRequest<Result>;

    /// <param name="Position">Up to where the log holds it.</param>
    public sealed record Result(LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Target).NotEmpty().OverridePropertyName("user_id");
    }

    internal sealed class Handler(UserWriter users, KnownUsers known, BlockLists blocks) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (!Guid.TryParseExact(request.Target, "D", out var id))
                throw new RefusedException(Refusal.UserUnknown);
            var other = new UserId(id);
            if (!await known.ExistsAsync(other, cancellationToken))
                throw new RefusedException(Refusal.UserUnknown);
            try
            {
                var (_, position) = await users.WriteAsync(
                    request.Caller, (_, _) => ValueTask.FromResult<UserCommand?>(new UserCommand.Block(other)),
                    new Actor(request.Caller, request.Device), causation: null, cancellationToken);
                return new Result(position);
            }
            finally
            {
                blocks.Forget(request.Caller); // Also after a failure: the answer may be all that was lost.
            }
        }
    }
}
