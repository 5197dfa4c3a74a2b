using System.Text.Json;
using ChatCqrs.Application;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace ChatCqrs.WebApi.OpenApi;

/// <summary>Settings of the descriptions (section <c>OpenApi</c> of the configuration).</summary>
public sealed record OpenApiOptions
{
    /// <summary>Whether Swagger UI and both documents are served; null for in Development only.</summary>
    public bool? Enabled { get; init; }
}

/// <summary>
/// The descriptions of the interface: OpenAPI with Swagger UI for REST, AsyncAPI for the socket's frames.
/// </summary>
public static class OpenApiConventions
{
    public const string AsyncApiPath = "/asyncapi/v1/asyncapi.json";

    private const string AsyncApiResource = "asyncapi.json";

    public static WebApplicationBuilder AddOpenApiDocument(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<OpenApiOptions>().Bind(builder.Configuration.GetSection("OpenApi"));
        builder.Services.AddEndpointsApiExplorer();
        builder.Services.AddSwaggerGen(options =>
        {
            options.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "ChatCqrs",
                Version = "v1",
                Description = $"Messaging over REST and WebSocket. Frames of the socket: {AsyncApiPath}.",
                License = new OpenApiLicense
                {
                    Name = "Apache-2.0",
                    Url = new Uri("https://www.apache.org/licenses/LICENSE-2.0"),
                },
            });
            options.AddServer(new OpenApiServer { Url = "/", Description = "This server." });
            options.AddSecurityDefinition(OperationDescriptions.SecurityScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "The access_token of a verification or a refresh.",
            });
            options.AddSecurityDefinition(OperationDescriptions.LinkScheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = "Authorization",
                Description = "`Link <secret>`, with the secret of a device link.",
            });
            options.DocInclusionPredicate((_, api) => !IsHeadOfGet(api));
            options.CustomSchemaIds(type => type.DeclaringType?.Name + type.Name);
            options.SupportNonNullableReferenceTypes();
            options.UseAllOfToExtendReferenceSchemas(); // What NullableSchemas expects.
            options.MapType<JsonElement>(() => new OpenApiSchema { Description = "JSON of the client's own." });
            options.IncludeXmlComments(typeof(Program).Assembly);
            options.IncludeXmlComments(typeof(ApplicationServices).Assembly);
            options.DocumentFilter<OperationDescriptions>();
        });
        return builder;
    }

    public static WebApplication UseOpenApiDocument(this WebApplication app)
    {
        if (!AreShown(app.Services))
            return app;
        app.UseSwagger(options => options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1);
        app.UseSwaggerUI(options =>
        {
            options.DocumentTitle = "ChatCqrs";
            options.SwaggerEndpoint("/swagger/v1/swagger.json", "REST");
            options.DisplayRequestDuration();
            options.EnablePersistAuthorization();
        });
        return app;
    }

    public static void MapAsyncApiDocument(this IEndpointRouteBuilder app)
    {
        if (AreShown(app.ServiceProvider))
        {
            app.MapGet(AsyncApiPath, () => Results.Stream(AsyncApiDocument(), "application/json"))
                .ExcludeFromDescription().AllowAnonymous();
        }
    }

    /// <summary>HEAD goes without saying where GET is described.</summary>
    private static bool IsHeadOfGet(ApiDescription api) => api.HttpMethod == HttpMethods.Head
        && api.ActionDescriptor.EndpointMetadata.OfType<HttpMethodMetadata>()
            .Any(methods => methods.HttpMethods.Contains(HttpMethods.Get));

    private static bool AreShown(IServiceProvider services) =>
        services.GetRequiredService<IOptions<OpenApiOptions>>().Value.Enabled
        ?? services.GetRequiredService<IHostEnvironment>().IsDevelopment();

    internal static Stream AsyncApiDocument() =>
        typeof(OpenApiConventions).Assembly.GetManifestResourceStream(AsyncApiResource)
        ?? throw new InvalidOperationException("The AsyncAPI document is not part of the assembly.");
}
