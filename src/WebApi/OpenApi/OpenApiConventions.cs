using System.Text.Json;
using ChatCqrs.Application;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>
/// The descriptions of the interface: OpenAPI with Swagger UI for REST, AsyncAPI for the socket's frames.
/// </summary>
public static class OpenApiConventions
{
    public const string AsyncApiPath = "/asyncapi/v1/asyncapi.json";

    private const string AsyncApiResource = "asyncapi.json";

    public static WebApplicationBuilder AddOpenApiDocument(this WebApplicationBuilder builder)
    {
        builder.Services.AddEndpointsApiExplorer();
        builder.Services.AddSwaggerGen(options =>
        {
            options.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "ChatCqrs",
                Version = "v1",
                Description = $"Messaging over REST and WebSocket. Frames of the socket: {AsyncApiPath}.",
            });
            options.AddSecurityDefinition(OperationDescriptions.SecurityScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "The access_token of a verification or a refresh.",
            });
            options.CustomSchemaIds(type => type.DeclaringType?.Name + type.Name);
            options.SupportNonNullableReferenceTypes();
            options.UseAllOfToExtendReferenceSchemas(); // Readers ignore "nullable" beside a bare reference.
            options.MapType<JsonElement>(() => new OpenApiSchema { Description = "JSON of the client's own." });
            options.IncludeXmlComments(typeof(Program).Assembly);
            options.IncludeXmlComments(typeof(ApplicationServices).Assembly);
            options.DocumentFilter<OperationDescriptions>();
        });
        return builder;
    }

    public static WebApplication UseOpenApiDocument(this WebApplication app)
    {
        app.UseSwagger();
        app.UseSwaggerUI(options =>
        {
            options.DocumentTitle = "ChatCqrs";
            options.SwaggerEndpoint("/swagger/v1/swagger.json", "REST");
            options.DisplayRequestDuration();
            options.EnablePersistAuthorization();
        });
        return app;
    }

    public static IEndpointConventionBuilder MapAsyncApiDocument(this IEndpointRouteBuilder app) =>
        app.MapGet(AsyncApiPath, () => Results.Stream(AsyncApiDocument(), "application/json"))
            .ExcludeFromDescription().AllowAnonymous();

    internal static Stream AsyncApiDocument() =>
        typeof(OpenApiConventions).Assembly.GetManifestResourceStream(AsyncApiResource)
        ?? throw new InvalidOperationException("The AsyncAPI document is not part of the assembly.");
}
