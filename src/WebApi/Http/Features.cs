namespace ChatCqrs.WebApi.Http;

/// <summary>
/// What clients decide by instead of a version: names that <c>GET /v1/server</c> lists while an endpoint that has them
/// is there. <c>docs/reference/features.md</c> says what each promises.
/// </summary>
internal static class Features
{
    /// <summary>Names what an endpoint offers; several endpoints may have the same name.</summary>
    public static TBuilder OffersFeature<TBuilder>(this TBuilder builder, string feature)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new FeatureMetadata(feature));

    /// <summary>The features of all endpoints, in alphabetical order.</summary>
    public static IEnumerable<string> Of(EndpointDataSource endpoints) => endpoints.Endpoints
        .SelectMany(endpoint => endpoint.Metadata.GetOrderedMetadata<FeatureMetadata>())
        .Select(feature => feature.Name).Distinct().Order(StringComparer.Ordinal);

    private sealed record FeatureMetadata(string Name);
}
