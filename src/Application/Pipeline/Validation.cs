using FluentValidation;
using MediatR;

namespace ChatCqrs.Application.Pipeline;

/// <summary>Refuses a request whose form is wrong before its handler sees it, with everything that is wrong at once.</summary>
internal sealed class Validation<TRequest, TResponse>(IValidator<TRequest> validator) : IPipelineBehavior<TRequest, TResponse>
{
    /// <exception cref="ValidationException">Each failure names the wire's field.</exception>
    public Task<TResponse> Handle(TRequest request, CancellationToken cancellationToken, RequestHandlerDelegate<TResponse> next)
    {
        var result = validator.Validate(request);
        return result.IsValid ? next() : Task.FromException<TResponse>(new ValidationException(result.Errors));
    }
}
