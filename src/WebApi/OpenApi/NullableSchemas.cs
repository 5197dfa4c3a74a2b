using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>
/// Says in terms of OpenAPI 3.1 what may be null. The generator wraps a reference in <c>allOf</c> and adds the type
/// <c>null</c>, which together no value satisfies; a schema without a type, which takes anything, becomes <c>null</c>
/// only.
/// </summary>
internal static class NullableSchemas
{
    /// <summary>Corrects the properties of all named schemas, at any depth, and the bodies of requests.</summary>
    public static void Correct(OpenApiDocument document)
    {
        foreach (var schema in document.Components?.Schemas?.Values ?? [])
            CorrectParts(schema);
        foreach (var operation in document.Paths.Values.SelectMany(path => path.Operations?.Values.ToList() ?? []))
        {
            foreach (var media in operation.RequestBody?.Content?.Values.OfType<OpenApiMediaType>() ?? [])
                media.Schema = media.Schema is { } body ? Corrected(body) : null;
        }
    }

    private static void CorrectParts(IOpenApiSchema schema)
    {
        if (schema is not OpenApiSchema whole)
            return; // A reference: its target is corrected by itself.
        foreach (var (name, property) in whole.Properties?.ToList() ?? [])
            whole.Properties![name] = Corrected(property);
        if (whole.Items is { } items)
            whole.Items = Corrected(items);
        if (whole.AdditionalProperties is { } values)
            whole.AdditionalProperties = Corrected(values);
    }

    private static IOpenApiSchema Corrected(IOpenApiSchema schema)
    {
        if (schema is not OpenApiSchema part)
            return schema;
        CorrectParts(part);
        var isNullable = part.Type == JsonSchemaType.Null;
        if (isNullable)
            part.Type = null;
        if (part.AllOf is not [OpenApiSchemaReference reference])
            return part;
        part.AllOf = null;
        if (!isNullable)
        {
            reference.Description = part.Description;
            return reference;
        }

        part.AnyOf = [reference, new OpenApiSchema { Type = JsonSchemaType.Null }];
        return part;
    }
}
