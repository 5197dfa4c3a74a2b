using ChatCqrs.Application.Messages;
using ChatCqrs.Application.Pipeline;
using ChatCqrs.Application.Writing;
using ChatCqrs.Domain;
using FluentValidation;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace ChatCqrs.Application.Specs.Pipeline;

public sealed class PipelineSpecs
{
    private readonly ServiceCollection _services = new();

    public PipelineSpecs() => _services.AddApplication();

    [Fact]
    public void Every_request_of_the_application_has_one_handler()
    {
        var requests = typeof(ApplicationServices).Assembly.GetTypes()
            .SelectMany(type => type.GetInterfaces().Where(IsRequest)
                .Select(request => (Request: type, Response: request.GenericTypeArguments[0]))).ToList();

        Assert.NotEmpty(requests);
        Assert.All(requests, request => Assert.Single(
            _services,
            service => service.ServiceType == typeof(IRequestHandler<,>)
                .MakeGenericType(request.Request, request.Response)));
    }

    [Fact]
    public void Nothing_is_made_anew_for_a_request() => Assert.All(
        _services.Where(service => service.ServiceType.FullName!.StartsWith("MediatR.", StringComparison.Ordinal)
            || service.ServiceType.FullName.StartsWith("FluentValidation.", StringComparison.Ordinal)),
        service => Assert.Equal(ServiceLifetime.Singleton, service.Lifetime));

    [Fact]
    public void A_command_is_traced_and_then_validated() => Assert.Equal(
        [typeof(Tracing<SendMessage.Command, Sent>), typeof(Validation<SendMessage.Command, Sent>)],
        BehavioursOf<SendMessage.Command, Sent>());

    [Fact]
    public void A_query_without_a_validator_is_not_validated() => Assert.Equal(
        [typeof(Tracing<GetMessage.Query, MessageView>)], BehavioursOf<GetMessage.Query, MessageView>());

    [Fact]
    public async Task A_request_whose_form_is_wrong_does_not_reach_its_handler()
    {
        var mediator = new Mediator(type => type == typeof(IRequestHandler<Ask, int>) ? new Handler()
            : (IPipelineBehavior<Ask, int>[])[new Tracing<Ask, int>(), new Validation<Ask, int>(new AskValidator())]);

        var refused = await Assert.ThrowsAsync<ValidationException>(() => mediator.Send(new Ask(-1)));

        Assert.Equal(["number", "number"], refused.Errors.Select(error => error.PropertyName));
        Assert.Equal(2, await mediator.Send(new Ask(1)));
    }

    [Fact]
    public void Outcomes_are_short_words_that_tell_nothing_of_the_request()
    {
        Assert.Equal("user_unknown", UseCases.OutcomeOf(new RefusedException(Refusal.UserUnknown)));
        Assert.Equal("invalid", UseCases.OutcomeOf(new ValidationException("what somebody wrote")));
        Assert.Equal("failed", UseCases.OutcomeOf(new InvalidOperationException("what somebody wrote")));
    }

    private IEnumerable<Type?> BehavioursOf<TRequest, TResponse>() =>
        _services.Where(service => service.ServiceType == typeof(IPipelineBehavior<TRequest, TResponse>))
            .Select(service => service.ImplementationType);

    private static bool IsRequest(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IRequest<>);

    private sealed record Ask(int Number) : IRequest<int>;

    private sealed class AskValidator : AbstractValidator<Ask>
    {
        public AskValidator()
        {
            RuleFor(ask => ask.Number).GreaterThan(0).OverridePropertyName("number");
            RuleFor(ask => ask.Number).NotEqual(-1).OverridePropertyName("number");
        }
    }

    private sealed class Handler : IRequestHandler<Ask, int>
    {
        public Task<int> Handle(Ask request, CancellationToken cancellationToken) =>
            Task.FromResult(request.Number + 1);
    }
}
