namespace ChatCqrs.Demo;

/// <summary>A promise of the product was not seen kept.</summary>
public sealed class NotSeenException(string message) : Exception(message);
