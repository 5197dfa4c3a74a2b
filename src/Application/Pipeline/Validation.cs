using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Pipeline;

/// <summary>Refuses malformed requests before their handler runs, with all failures at once.</summary>
internal sealed class Validation<TRequest, TResponse>(
    IValidator<TRequest> validator) : IPipelineBehavior<TRequest, TResponse>
{
    /// <exception cref="ValidationException">The request is malformed. Each failure names a wire field.</exception>
    public Task<TResponse> Handle(
        TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        var result = validator.Validate(request);
        return result.IsValid ? next() : Task.FromException<TResponse>(new ValidationException(result.Errors));
    }
}
