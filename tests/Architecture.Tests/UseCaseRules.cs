using System.Reflection;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Architecture.Tests;

/// <summary>A use case is one static class with its request, its handler, and for a command its validator.</summary>
public sealed class UseCaseRules
{
    [Fact]
    public void Every_use_case_is_whole()
    {
        var requests = RequestsOf(Solution.Application.GetTypes()).ToList();

        Assert.NotEmpty(requests);
        Assert.Contains(requests, request => request.Name == "Command");
        Assert.Contains(requests, request => request.Name == "Query");
        Assert.Empty(requests.SelectMany(Violations));
    }

    [Theory]
    [InlineData(typeof(WithoutHandler.Command), "handler")]
    [InlineData(typeof(WithoutValidator.Command), "validator")]
    [InlineData(typeof(WithOpenHandler.Query), "handler")]
    [InlineData(typeof(Stray), "static class")]
    [InlineData(typeof(WithAnotherName.Request), "Command or Query")]
    public void A_use_case_that_lacks_something_is_found(Type request, string what) =>
        Assert.Contains(Violations(request), violation => violation.Contains(what, StringComparison.Ordinal));

    private static IEnumerable<Type> RequestsOf(IEnumerable<Type> types) => types.Where(type => type.IsClass && ResponseOf(type) is not null);

    private static IEnumerable<string> Violations(Type request)
    {
        if (request.DeclaringType is not { IsAbstract: true, IsSealed: true } useCase)
        {
            yield return $"{request.FullName} stands in no static class.";
            yield break;
        }

        var parts = useCase.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic);
        var handles = typeof(IRequestHandler<,>).MakeGenericType(request, ResponseOf(request)!);
        if (request.Name is not ("Command" or "Query"))
            yield return $"{request.FullName} is named neither Command or Query.";
        if (parts.Where(handles.IsAssignableFrom).ToList() is not [{ Name: "Handler", IsNestedAssembly: true, IsSealed: true }])
            yield return $"{useCase.FullName} has not one internal, sealed handler.";
        if (request.Name == "Command"
            && parts.Where(typeof(IValidator<>).MakeGenericType(request).IsAssignableFrom).ToList() is not [{ Name: "Validator", IsNestedAssembly: true, IsSealed: true }])
            yield return $"{useCase.FullName} has not one internal, sealed validator.";
    }

    private static Type? ResponseOf(Type type) => type.GetInterfaces()
        .FirstOrDefault(contract => contract.IsGenericType && contract.GetGenericTypeDefinition() == typeof(IRequest<>))?.GenericTypeArguments[0];

    internal static class WithoutHandler
    {
        internal sealed record Command : IRequest<int>;

        internal sealed class Validator : AbstractValidator<Command>;
    }

    internal static class WithoutValidator
    {
        internal sealed record Command : IRequest<int>;

        internal sealed class Handler : IRequestHandler<Command, int>
        {
            public Task<int> Handle(Command request, CancellationToken cancellationToken) => Task.FromResult(0);
        }
    }

    internal static class WithOpenHandler
    {
        internal sealed record Query : IRequest<int>;

        internal class Handler : IRequestHandler<Query, int>
        {
            public Task<int> Handle(Query request, CancellationToken cancellationToken) => Task.FromResult(0);
        }
    }

    internal static class WithAnotherName
    {
        internal sealed record Request : IRequest<int>;
    }

    internal sealed record Stray : IRequest<int>;
}
