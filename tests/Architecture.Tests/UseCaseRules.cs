using System.Reflection;
using FluentValidation;
using MediatR;

namespace ChatCqrs.Architecture.Tests;

/// <summary>A use case is one static class with its request, its handler and, for a command, its validator.</summary>
public sealed class UseCaseRules
{
    [Fact]
    public void Every_use_case_is_complete()
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
    [InlineData(typeof(WithAnotherName.Request), "Command nor Query")]
    public void An_incomplete_use_case_is_found(Type request, string what) =>
        Assert.Contains(Violations(request), violation => violation.Contains(what, StringComparison.Ordinal));

    private static IEnumerable<Type> RequestsOf(IEnumerable<Type> types) =>
        types.Where(type => type.IsClass && ResponseOf(type) is not null);

    private static IEnumerable<string> Violations(Type request)
    {
        if (request.DeclaringType is not { IsAbstract: true, IsSealed: true } useCase)
        {
            yield return $"{request.FullName} is not nested in a static class.";
            yield break;
        }

        var parts = useCase.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic);
        var handles = typeof(IRequestHandler<,>).MakeGenericType(request, ResponseOf(request)!);
        if (request.Name is not ("Command" or "Query"))
            yield return $"{request.FullName} is named neither Command nor Query.";
        if (!IsThere(parts, "Handler", handles))
            yield return $"{useCase.FullName} does not have exactly one internal, sealed handler.";
        if (request.Name == "Command" && !IsThere(parts, "Validator", typeof(IValidator<>).MakeGenericType(request)))
            yield return $"{useCase.FullName} does not have exactly one internal, sealed validator.";
    }

    /// <summary>Whether exactly one type implements the contract, and is internal, sealed and named as given.</summary>
    private static bool IsThere(Type[] parts, string name, Type contract) =>
        parts.Where(contract.IsAssignableFrom).ToList() is [{ IsNestedAssembly: true, IsSealed: true } part]
        && part.Name == name;

    private static Type? ResponseOf(Type type) => type.GetInterfaces()
        .FirstOrDefault(contract => contract.IsGenericType && contract.GetGenericTypeDefinition() == typeof(IRequest<>))
        ?.GenericTypeArguments[0];

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
