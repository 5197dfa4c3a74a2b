using ChatCqrs.Application.Ports;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Media;

/// <summary>Abandons an upload and removes its parts. A file made of it stays.</summary>
public static class AbandonUpload
{
    public sealed record Command(UserId Caller, string Upload) : IRequest<Unit>;

    internal sealed class Validator : AbstractValidator<Command>
    {
        public Validator() => RuleFor(c => c.Upload).NotEmpty().OverridePropertyName("id");
    }

    internal sealed class Handler(
        UploadAccess access, UploadTurns turns, UploadHashes hashes, IUploads uploads) : IRequestHandler<Command, Unit>
    {
        public async Task<Unit> Handle(Command request, CancellationToken cancellationToken)
        {
            var id = (await access.RequireAsync(request.Caller, request.Upload, cancellationToken)).Id;
            using var turn = await turns.TakeAsync(id, cancellationToken)
                ?? throw new RefusedException(Refusal.UploadLocked);
            hashes.Forget(id);
            await uploads.RemoveAsync(id, cancellationToken);
            return Unit.Value;
        }
    }
}
