using ChatCqrs.Domain;
using ChatCqrs.Domain.Users;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Users;

/// <summary>Unblocks a user; does nothing if they are not blocked.</summary>
public static class UnblockUser
{
    /// <param name="Target">The user's id.</param>
    public sealed record Command(UserId Caller, DeviceId Device, string Target) : IRequest<Result>;

    /// <param name="Position">The position of the last event written.</param>
    public sealed record Result(LogPosition Position);

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Target).NotEmpty().OverridePropertyName("user_id");
    }

    internal sealed class Handler(UserWriter users, BlockLists blocks) : IRequestHandler<Command, Result>
    {
        public async Task<Result> Handle(Command request, CancellationToken cancellationToken)
        {
            if (!Uuids.TryParse(request.Target, out var id))
                throw new RefusedException(Refusal.UserUnknown);
            try
            {
                var (_, position) = await users.WriteAsync(
                    request.Caller,
                    (_, _) => ValueTask.FromResult<UserCommand?>(new UserCommand.Unblock(new UserId(id))),
                    new Actor(request.Caller, request.Device), causation: null, cancellationToken);
                return new Result(position);
            }
            finally
            {
                blocks.Forget(request.Caller);
            }
        }
    }
}
