using System.Reflection;

namespace ChatCqrs.Architecture.Tests;

/// <summary>docs/security.md states the limits of the code, in rows of <c>| `Type.Member` | value |</c>.</summary>
public sealed class LimitRules
{
    private const BindingFlags Any =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;

    private static readonly Type[] Types =
    [
        .. Solution.Domain.GetTypes(), .. Solution.Application.GetTypes(), .. Solution.Infrastructure.GetTypes(),
        .. Solution.WebApi.GetTypes(),
    ];

    [Fact]
    public void Every_stated_limit_is_the_codes()
    {
        var rows = MarkdownTable.Rows("docs/security.md")
            .Where(row => row.Name.Contains('.', StringComparison.Ordinal)).ToList();

        Assert.True(rows.Count > 40);
        Assert.Empty(rows.SelectMany(row => Faults(row.Name, row.Value)));
    }

    [Fact]
    public void A_wrong_limit_is_found()
    {
        Assert.Single(Faults("Outbound.BytesMax", "3 MiB"));
        Assert.Single(Faults("Outbound.Nothing", "1"));
        Assert.Empty(Faults("RateLimitOptions.SocketsMax", "100"));
    }

    private static IEnumerable<string> Faults(string name, string stated)
    {
        var parts = name.Split('.');
        var values = Types.Where(type => type.Name.Split('`')[0] == parts[0])
            .Select(type => ValueOf(type, parts[1])).OfType<object>().ToList();
        if (values.Count != 1)
            yield return $"{name} is {values.Count} members of the product, not one.";
        else if (!Figures.Of(values[0]).Contains(stated))
            yield return $"{name} is {string.Join(" or ", Figures.Of(values[0]))}; docs/security.md says {stated}.";
    }

    private static object? ValueOf(Type type, string member)
    {
        if (type.ContainsGenericParameters)
            type = type.MakeGenericType([.. type.GetGenericArguments().Select(_ => typeof(int))]);
        if (type.GetField(member, Any) is { } field)
            return field.IsLiteral ? field.GetRawConstantValue() : field.GetValue(null);
        return type.GetProperty(member, Any)?.GetValue(Activator.CreateInstance(type));
    }
}
