namespace ChatCqrs.Demo.Scenes;

/// <summary>A part of the conversation; ends when all of it was seen.</summary>
public interface IScene
{
    string Title { get; }

    /// <exception cref="NotSeenException">A promise of the product was not seen kept.</exception>
    Task PlayAsync(Stage stage);
}
