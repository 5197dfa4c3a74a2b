using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>
/// Says of the members of schemas what their types cannot: which are required, which are of a closed list, and what
/// JSON of any type may be.
/// </summary>
internal static class SchemaMembers
{
    public static void Describe(DocumentFilterContext context, IEnumerable<Operation> operations)
    {
        var seen = new HashSet<Type>();
        foreach (var answer in operations.SelectMany(operation => operation.Answers))
            RequireAll(answer.Body, context.SchemaRepository, seen);
        foreach (var list in ClosedLists.All)
            list.Describe(context.SchemaRepository);
        foreach (var (type, members) in ClosedLists.Elements)
        {
            foreach (var (name, schema) in members)
                Replace(context.SchemaRepository, type, name, _ => schema());
        }

        foreach (var schema in context.SchemaRepository.Schemas.Values.OfType<OpenApiSchema>())
            schema.AdditionalPropertiesAllowed = true; // Members may be added; nobody refuses those they do not know.
    }

    /// <summary>Requires members of a request's body.</summary>
    /// <param name="paths">The members' names; those of inner objects follow the outer one's and a dot.</param>
    public static void Require(IOpenApiSchema body, IEnumerable<string> paths, SchemaRepository schemas)
    {
        foreach (var path in paths)
        {
            var owner = Resolve(body, schemas);
            var names = path.Split('.');
            foreach (var outer in names[..^1])
                owner = Resolve(owner.Properties![outer], schemas);
            Require(owner, names[^1]);
        }
    }

    /// <summary>Replaces the schema of a member.</summary>
    public static void Replace(
        SchemaRepository schemas, Type type, string member, Func<IOpenApiSchema, IOpenApiSchema> replacement)
    {
        if (!schemas.TryLookupByType(type, out var reference))
            return; // No operation has it.
        var owner = Resolve(reference, schemas);
        owner.Properties![member] = replacement(owner.Properties[member]);
    }

    public static string NameOf(MemberInfo member) => JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name);

    private static void Require(OpenApiSchema owner, string name)
    {
        owner.Required ??= new HashSet<string>();
        owner.Required.Add(name);
        switch (owner.Properties![name])
        {
            case OpenApiSchema { AllOf: [OpenApiSchemaReference] } inner:
                inner.Type = null;
                break;
            case OpenApiSchema { Type: { } type } own:
                own.Type = type & ~JsonSchemaType.Null;
                break;
        }
    }

    /// <summary>Answers have all their members, but for those that are left out instead of being null.</summary>
    private static void RequireAll(Type? type, SchemaRepository schemas, HashSet<Type> seen)
    {
        if (type is null || !seen.Add(type))
            return;
        foreach (var part in type.IsArray ? [type.GetElementType()!] : type.GetGenericArguments())
            RequireAll(part, schemas, seen);
        if (!schemas.TryLookupByType(type, out var reference))
            return;
        var schema = Resolve(reference, schemas);
        schema.Required ??= new HashSet<string>();
        foreach (var property in type.GetProperties())
        {
            if (!schema.Properties!.ContainsKey(NameOf(property)))
                continue;
            if (property.GetCustomAttribute<JsonIgnoreAttribute>() is null)
                schema.Required.Add(NameOf(property));
            RequireAll(property.PropertyType, schemas, seen);
        }
    }

    private static OpenApiSchema Resolve(IOpenApiSchema schema, SchemaRepository schemas) => schema switch
    {
        OpenApiSchemaReference reference => (OpenApiSchema)schemas.Schemas[reference.Reference.Id!],
        OpenApiSchema { AllOf: [OpenApiSchemaReference reference] } => Resolve(reference, schemas),
        _ => (OpenApiSchema)schema,
    };
}

/// <summary>A closed list of texts.</summary>
/// <param name="Name">The schema's name.</param>
/// <param name="Meaning">One sentence.</param>
/// <param name="Values">All values.</param>
/// <param name="Members">The members of answers and requests that have one of them, by type.</param>
internal sealed record ClosedList(
    string Name, string Meaning, IReadOnlyList<string> Values, params (Type Type, string Member)[] Members)
{
    public void Describe(SchemaRepository schemas)
    {
        var list = schemas.AddDefinition(Name, new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Description = $"{Meaning} In answers there may be further values: clients pass over what they do not know.",
            Enum = [.. Values.Select(value => (JsonNode)JsonValue.Create(value))],
        });
        foreach (var (type, member) in Members)
        {
            SchemaMembers.Replace(schemas, type, member, schema => IsNullable(schema)
                ? new OpenApiSchema { AnyOf = [list, new OpenApiSchema { Type = JsonSchemaType.Null }] }
                : list);
        }
    }

    private static bool IsNullable(IOpenApiSchema schema) => schema.Type?.HasFlag(JsonSchemaType.Null) == true;
}
