using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

// Writes one Markdown page a public type, and an index, from an assembly and the XML file beside it.
// usage: ChatCqrs.Client.Reference ASSEMBLY FOLDER
if (args is not [var path, var folder])
{
    await Console.Error.WriteLineAsync("usage: ChatCqrs.Client.Reference ASSEMBLY FOLDER");
    return 2;
}

var assembly = Assembly.LoadFrom(Path.GetFullPath(path));
var comments = XDocument.Load(Path.ChangeExtension(path, ".xml")).Descendants("member")
    .ToDictionary(member => member.Attribute("name")!.Value);
Directory.CreateDirectory(folder);
var types = assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal).ToList();
var index = new StringBuilder("# API reference of ChatCqrs.Client\n\n| type | |\n| --- | --- |\n");
foreach (var type in types)
{
    var page = new Page(comments);
    page.Write(type);
    await File.WriteAllTextAsync(Path.Combine(folder, $"{type.Name}.md"), page.ToString());
    index.Append($"| [{type.Name}]({type.Name}.md) | {page.Summary(type)} |\n");
}

await File.WriteAllTextAsync(Path.Combine(folder, "README.md"), index.ToString());
Console.WriteLine($"{types.Count} types in {folder}");
return 0;

/// <summary>The page of one type.</summary>
internal sealed partial class Page(IReadOnlyDictionary<string, XElement> comments)
{
    private const BindingFlags Own =
        BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly StringBuilder _text = new();

    public string Summary(Type type) => Part($"T:{type.FullName}", "summary");

    public void Write(Type type)
    {
        _text.Append($"# {type.Name}\n\n{Summary(type)}\n");
        Extra($"T:{type.FullName}");
        foreach (var member in type.GetMembers(Own).Where(member => member is not System.Type && IsWritten(member)))
            Member(type, member);
    }

    public override string ToString() => _text.ToString();

    private static bool IsWritten(MemberInfo member) =>
        member.GetCustomAttribute<System.Runtime.CompilerServices.CompilerGeneratedAttribute>() is null
        && member is not MethodInfo { IsSpecialName: true, Name: not "op_Implicit" };

    private void Member(Type type, MemberInfo member)
    {
        var id = IdOf(type, member);
        if (!comments.ContainsKey(id) && !type.IsEnum && member is not FieldInfo { IsLiteral: true })
            return;
        if (type.IsEnum && member.Name == "value__")
            return;
        _text.Append($"\n## `{Signature(member)}`\n\n{Part(id, "summary")}\n");
        Extra(id);
    }

    private void Extra(string id)
    {
        if (!comments.TryGetValue(id, out var comment))
            return;
        foreach (var parameter in comment.Elements("param"))
            _text.Append($"\n- `{parameter.Attribute("name")!.Value}`: {Text(parameter)}\n");
        if (comment.Element("returns") is { } returns)
            _text.Append($"\nReturns: {Text(returns)}\n");
        foreach (var thrown in comment.Elements("exception"))
            _text.Append($"\nThrows `{Last(thrown.Attribute("cref")!.Value)}`: {Text(thrown)}\n");
        if (comment.Element("remarks") is { } remarks)
            _text.Append($"\n{Text(remarks)}\n");
    }

    private string Part(string id, string name) => comments.TryGetValue(id, out var comment)
        ? comment.Element("inheritdoc")?.Attribute("cref")?.Value is { } other ? Part(other, name)
        : Text(comment.Element(name))
        : "";

    private static string Signature(MemberInfo member) => member switch
    {
        MethodInfo method =>
            $"{Name(method.ReturnType)} {method.Name}({string.Join(", ", method.GetParameters().Select(Signature))})",
        ConstructorInfo made =>
            $"{made.DeclaringType!.Name}({string.Join(", ", made.GetParameters().Select(Signature))})",
        PropertyInfo property => $"{Name(property.PropertyType)} {property.Name}",
        FieldInfo { IsLiteral: true } field when field.FieldType == typeof(string) =>
            $"{field.Name} = \"{field.GetRawConstantValue()}\"",
        _ => member.Name,
    };

    private static string Signature(ParameterInfo parameter) => $"{Name(parameter.ParameterType)} {parameter.Name}";

    private static string Name(Type type) => type.IsGenericType
        ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
        : type.Name;

    /// <summary>A member's id in the XML file (C# specification, annex D.4).</summary>
    private static string IdOf(Type type, MemberInfo member) => member switch
    {
        MethodInfo method when method.Name == "op_Implicit" =>
            $"M:{type.FullName}.op_Implicit{Parameters(method)}~{method.ReturnType.FullName}",
        MethodInfo method => $"M:{type.FullName}.{method.Name}{Parameters(method)}",
        ConstructorInfo made => $"M:{type.FullName}.#ctor{Parameters(made)}",
        PropertyInfo => $"P:{type.FullName}.{member.Name}",
        _ => $"F:{type.FullName}.{member.Name}",
    };

    private static string Parameters(MethodBase method) => method.GetParameters() is { Length: > 0 } parameters
        ? $"({string.Join(',', parameters.Select(parameter => Full(parameter.ParameterType)))})"
        : "";

    private static string Full(Type type) => type.IsGenericType
        ? $"{type.GetGenericTypeDefinition().FullName!.Split('`')[0]}{{{string.Join(
            ',', type.GetGenericArguments().Select(Full))}}}"
        : type.FullName!;

    private static string Text(XElement? element) => element is null ? "" : Spaces().Replace(
        string.Concat(element.Nodes().Select(node => node switch
        {
            XElement { Name.LocalName: "see" or "paramref" } see =>
                $"`{Last(see.Attribute("cref")?.Value ?? see.Attribute("name")?.Value ?? "")}`",
            XElement inner => $"`{inner.Value}`",
            XText text => text.Value,
            _ => "",
        })).Trim(),
        " ");

    private static string Last(string id) => id.Split('(')[0].Split('.')[^1];

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
